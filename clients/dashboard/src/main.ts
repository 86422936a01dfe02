import { mount } from 'svelte';
import App from './App.svelte';
import { app } from './state/app.svelte.js';
import { guardCompositions } from './state/compositionGuard.js';
import { guest } from './state/guest.svelte.js';
import { followVisibleViewport } from './state/visibleViewport.js';
import './app.css';

guardCompositions(window);
followVisibleViewport(window);
mount(App, { target: document.querySelector('#app')! });
// Who came by a link is nobody but that link's guest.
if (guest === undefined) void app.start();
