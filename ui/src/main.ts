import { mount } from 'svelte';
import App from './App.svelte';
import { tauri } from './backend';
import { Model } from './model.svelte';
import './style.css';

const model = new Model(tauri);
mount(App, { target: document.body, props: { model } });
void model.start();
