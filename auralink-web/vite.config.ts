/** Builds the pages, each with its own entry, into dist/: phone, sign-in, invitation, public profile, three demo apps. */
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const page = (name: string): string => fileURLToPath(new URL(`./${name}.html`, import.meta.url));

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: '/',
  plugins: [react()],
  build: {
    target: 'es2022',
    outDir: 'dist',
    // A page that is open across an upgrade still fetches its own files, such as the media code at its first call.
    emptyOutDir: false,
    // Nothing inlined: `default-src 'self'` allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // livekit-client, which is loaded only when a call is joined.
    chunkSizeWarningLimit: 700,
    rolldownOptions: {
      output: {
        // What reads photos finds its language by the name of the file.
        assetFileNames: ({ names }) =>
          names.includes('eng.traineddata.gz')
            ? 'assets/eng-[hash].traineddata.gz'
            : 'assets/[name]-[hash][extname]',
      },
      input: {
        index: page('index'),
        'sign-in': page('sign-in'),
        invite: page('invite'),
        verify: page('verify'),
        profile: page('profile'),
        chat: page('chat'),
        market: page('market'),
        play: page('play'),
      },
    },
  },
});
