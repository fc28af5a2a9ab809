import type { OpenedDatabase } from './database.ts';
import type { Store } from './types.ts';

export function openSettings({ db, write }: OpenedDatabase): Store['settings'] {
  const value = db.prepare<[string], string>('SELECT value FROM project_settings WHERE key = ?').pluck();
  const put = db.prepare('INSERT OR REPLACE INTO project_settings (key, value, at) VALUES (?, ?, ?)');
  const drop = db.prepare('DELETE FROM project_settings WHERE key = ?');
  return {
    get(key) {
      const text = value.get(key);
      return text === undefined ? undefined : (JSON.parse(text) as unknown);
    },
    set(key, next) {
      write(() => {
        if (next === undefined) drop.run(key);
        else put.run(key, JSON.stringify(next), Date.now());
      });
    },
  };
}
