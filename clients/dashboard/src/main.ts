import { mount } from 'svelte';
import App from './App.svelte';
import { app } from './state/app.svelte.js';
import { guardCompositions } from './state/compositionGuard.js';
import { guest } from './state/guest.svelte.js';
import { identifyGuest } from './state/guestAccount.js';
import { router } from './state/router.svelte.js';
import { followVisibleViewport } from './state/visibleViewport.js';
import './app.css';

guardCompositions(window);
followVisibleViewport(window);
mount(App, { target: document.querySelector('#app')! });
// A person with a link is that link's guest.
// A short address leads to another page at once.
if (guest !== undefined) void identifyGuest(guest);
else if (router.route.page !== 'short') void app.start();
