import { connectBackbone } from '@pizzapi/backbone';
