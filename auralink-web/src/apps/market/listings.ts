/** What is for sale. Sellers are the two people of a development server, so that a call rings for real. */
import type { Person } from '../../../../auralink-client/index.ts';
import { ALICE, BOB } from '../people.ts';
import type { DrawingName } from './drawings.tsx';

export interface Listing {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  readonly priceEuros: number;
  readonly place: string;
  readonly seller: Person;
  readonly drawing: DrawingName;
}

export const LISTINGS: readonly Listing[] = [
  {
    id: 'bicycle',
    title: 'City bicycle, 1984',
    about: 'Steel frame, new tyres, dynamo light. Rides like a sofa.',
    priceEuros: 180,
    place: 'Harbour',
    seller: BOB,
    drawing: 'bicycle',
  },
  {
    id: 'chair',
    title: 'Reading chair',
    about: 'Walnut and wool. One careful owner, many novels.',
    priceEuros: 95,
    place: 'Old town',
    seller: ALICE,
    drawing: 'chair',
  },
  {
    id: 'lamp',
    title: 'Desk lamp',
    about: 'Brass arm, warm bulb, heavy foot. Stays where you put it.',
    priceEuros: 40,
    place: 'Old town',
    seller: ALICE,
    drawing: 'lamp',
  },
  {
    id: 'camera',
    title: '35 mm camera',
    about: 'Light meter works. Half a roll of film is still inside.',
    priceEuros: 120,
    place: 'Harbour',
    seller: BOB,
    drawing: 'camera',
  },
  {
    id: 'plant',
    title: 'Monstera, very large',
    about: 'Needs a higher ceiling than mine. Pot included.',
    priceEuros: 25,
    place: 'Mill lane',
    seller: BOB,
    drawing: 'plant',
  },
  {
    id: 'records',
    title: 'Records, 32 of them',
    about: 'Mostly jazz, a little disco. Sold together.',
    priceEuros: 60,
    place: 'Mill lane',
    seller: ALICE,
    drawing: 'records',
  },
];
