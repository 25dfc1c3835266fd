/* Made up for the tests, in the layout in which npm serves the types of Rocket.Chat's statistics document. */
import type { Season } from './Season';
interface IHarvest {
    baskets?: number;
}
export interface IStats extends IOrchard {
    // Of the whole orchard.
    totalTrees: number;
    fips?: boolean;
    readonly planted: Date | undefined;
    pears: {
        ripe?: number;
        sorts: string[];
    };
    gates: {
        lengths: number[];
        keepers: Season[];
        north: {
            open?: IHarvest;
        };
    };
    notes: {
        [key: string]: number | string;
    };
    visits: {
        [key: string]: number | string;
    }[];
    prices: Record<string, number>;
}
export {};
