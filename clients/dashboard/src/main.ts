import { mount } from 'svelte';
import App from './App.svelte';
import { app } from './state/app.svelte.js';
import './app.css';

mount(App, { target: document.querySelector('#app')! });
void app.start();
