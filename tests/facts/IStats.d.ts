/* An excerpt of dist/IStats.d.ts of @rocket.chat/core-typings 8.8.1 (MIT license), as npm serves it. */
import type { CpuInfo } from 'node:os';
import type { IRocketChatRecord } from './IRocketChatRecord';
import type { ITeamStats } from './ITeam';
interface IVoIPPeriodStats {
    calls?: number;
    externalInboundCalls?: number;
}
export interface IStats extends IRocketChatRecord {
    wizard: {
        organizationType?: string;
        registerServer?: boolean;
    };
    uniqueId: string;
    installedAt?: string;
    userLanguages: Record<string, number>;
    teams: ITeamStats;
    lastMessageSentAt: Date | undefined;
    os: {
        platform: NodeJS.Platform;
        loadavg: number[];
        cpus: CpuInfo[];
    };
    omnichannelSources: {
        [key: string]: number | string;
    }[];
    BusinessHours: {
        [key: string]: number | string;
    };
    apps: {
        engineVersion: string;
        totalInstalled: number | false;
    };
    enterprise: {
        modules: string[];
        voip?: {
            total?: IVoIPPeriodStats;
        };
    };
    createdAt: Date | string;
    videoConf: {
        videoConference: {
            started: number;
        };
        settings: {
            provider: string;
        };
    };
    statsToken?: string;
    fips?: boolean;
}
export {};
