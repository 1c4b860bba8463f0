import { createRoot } from 'react-dom/client';
import { collectDrafts } from './images/collect';
import { log } from './settings/logger';
import { claimTab } from './single-tab';
import { App } from './ui/app';
import './window';

claimTab();
createRoot(document.getElementById('root')!).render(<App />);
setTimeout(() => collectDrafts().catch((error: unknown) => log('warn', String(error))), 1000);
