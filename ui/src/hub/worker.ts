import { Share } from './share';

/** In a SharedWorker, which all tabs of a browser share, on plain http too. */
const scope = self as unknown as { onconnect: (event: MessageEvent) => void; addEventListener: typeof addEventListener; location: Location };
const share = new Share({ fetch: (...args) => fetch(...args), now: Date.now, random: Math.random, origin: scope.location.origin });
scope.onconnect = (event) => share.connect(event.ports[0]!);
scope.addEventListener('online', () => share.now());
