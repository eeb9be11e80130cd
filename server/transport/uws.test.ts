import { transportContract } from './transport.contract.ts';
import { loadUws } from './uws-binding.ts';

transportContract('uws', loadUws().error?.message.split('\n')[0]);
