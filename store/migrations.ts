/**
 * The schema, as an ordered list: entry N brings a database from version N to N + 1 (`PRAGMA user_version`). Entries
 * that were released are never edited; a change is a new entry. Comments inside the SQL stay in the file and are shown
 * by `.schema` in the sqlite3 shell.
 */

export interface Migration {
  /** What it does, in a few words; shown when it fails. */
  readonly title: string;
  readonly sql: string;
}

export const migrations: readonly Migration[] = [
  {
    title: 'first schema',
    sql: `
CREATE TABLE runs (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('collect', 'fit', 'train', 'evaluate')),
  name TEXT NOT NULL,
  task TEXT NOT NULL,
  algorithm TEXT,
  seed INTEGER NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('queued', 'running', 'paused', 'done', 'failed', 'crashed')),
  config TEXT NOT NULL CHECK (json_valid(config)),      -- the whole frozen configuration, JSON
  versions TEXT NOT NULL CHECK (json_valid(versions)),  -- app, Node, engine, task, platform, JSON
  reward_hash TEXT,                                     -- 64-bit hex; never compare across hashes silently
  device TEXT,
  error TEXT,
  created_at INTEGER NOT NULL,                          -- all times: milliseconds since 1970, UTC
  ended_at INTEGER,
  heartbeat_at INTEGER                                  -- last sign of life of a running run
) STRICT;

CREATE TABLE episodes (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  task TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('demonstration', 'failure', 'random', 'training', 'evaluation')),
  seed INTEGER NOT NULL,
  trained_steps INTEGER NOT NULL CHECK (trained_steps >= 0),
  length INTEGER NOT NULL CHECK (length >= 0),          -- control steps T; there are T + 1 frames
  ending TEXT NOT NULL CHECK (ending IN ('terminated', 'truncated', 'diverged')),
  success INTEGER NOT NULL CHECK (success IN (0, 1)),
  final_progress REAL,                                  -- true progress at the last frame; NULL is NaN
  return_total REAL,                                    -- weighted sum of all terms; NULL is NaN
  reward_hash TEXT,
  checksum TEXT NOT NULL,                               -- 64-bit hex over all state hashes
  verified INTEGER CHECK (verified IN (0, 1)),          -- outcome of the last replay; NULL is never
  created_at INTEGER NOT NULL
) STRICT;
-- Counts and filters read this alone; each sort of the episode list has an index of its own.
CREATE INDEX episodes_by_run ON episodes (run_id, kind, success, task);
CREATE INDEX episodes_by_length ON episodes (length);
CREATE INDEX episodes_by_success ON episodes (success);
CREATE INDEX episodes_by_final_progress ON episodes (final_progress);
CREATE INDEX episodes_by_return_total ON episodes (return_total);
CREATE INDEX episodes_by_trained_steps ON episodes (trained_steps);
CREATE INDEX episodes_by_created_at ON episodes (created_at);

-- Apart from episodes, so that lists never walk over the bytes.
CREATE TABLE episode_data (
  episode_id INTEGER PRIMARY KEY REFERENCES episodes (id) ON DELETE CASCADE,
  bytes BLOB NOT NULL                                   -- store/formats/episode-blob.ts
) STRICT;

CREATE TABLE reward_terms (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE episode_returns (
  episode_id INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
  term_id INTEGER NOT NULL REFERENCES reward_terms (id),
  value REAL,                                           -- unweighted sum; NULL is NaN
  PRIMARY KEY (episode_id, term_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE stage_labels (
  episode_id INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
  source TEXT NOT NULL,                                 -- 'simulator', or a person's name
  scheme TEXT NOT NULL CHECK (scheme IN ('sparse', 'dense')),
  start_frame INTEGER NOT NULL CHECK (start_frame >= 0),
  end_frame INTEGER NOT NULL,                           -- frames start_frame <= t < end_frame
  stage INTEGER NOT NULL CHECK (stage >= 0),
  PRIMARY KEY (episode_id, source, scheme, start_frame),
  CHECK (end_frame > start_frame)
) STRICT, WITHOUT ROWID;

CREATE TABLE models (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  method TEXT NOT NULL,
  task TEXT NOT NULL,
  hash TEXT NOT NULL,                                   -- first 64 bits of SHA-256 over bytes, hex
  settings TEXT NOT NULL CHECK (json_valid(settings)),
  metrics TEXT NOT NULL CHECK (json_valid(metrics)),
  created_at INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX models_by_run ON models (run_id);

-- Cached scores of reward models, one row an episode and model.
CREATE TABLE reward_scores (
  episode_id INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
  model_hash TEXT NOT NULL,
  bytes BLOB NOT NULL,                                  -- store/formats/episode-blob.ts, column perStep
  PRIMARY KEY (episode_id, model_hash)
) STRICT;

CREATE TABLE metric_names (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE metrics (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  name_id INTEGER NOT NULL REFERENCES metric_names (id),
  step INTEGER NOT NULL,
  value REAL,                                           -- NULL is NaN
  PRIMARY KEY (run_id, name_id, step)
) STRICT, WITHOUT ROWID;

-- Trouble in a run, in plain words, once per onset.
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  level TEXT NOT NULL CHECK (level IN ('info', 'warning', 'error')),
  message TEXT NOT NULL,
  step INTEGER,                                         -- environment steps trained when it was seen
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX alerts_by_run ON alerts (run_id);

CREATE TABLE checkpoints (
  id INTEGER PRIMARY KEY AUTOINCREMENT,                 -- lineage names ids, so none is used twice
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL CHECK (step >= 0),
  hash TEXT NOT NULL,                                   -- first 64 bits of SHA-256 over bytes, hex
  created_at INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX checkpoints_by_run ON checkpoints (run_id);

-- Nodes: run:1, model:2, checkpoint:3, episodes:1 (all episodes of run 1). What comes from what: from_node first.
CREATE TABLE lineage (
  from_node TEXT NOT NULL CHECK (from_node GLOB '[a-z]*:[0-9]*'),
  to_node TEXT NOT NULL CHECK (to_node GLOB '[a-z]*:[0-9]*'),
  role TEXT NOT NULL,
  PRIMARY KEY (from_node, to_node, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX lineage_by_to ON lineage (to_node, from_node);

-- For reading by eye; nothing in the program reads these.
CREATE VIEW run_summary AS
SELECT r.id, r.kind, r.name, r.task, r.algorithm, r.seed, r.status,
  datetime(r.created_at / 1000, 'unixepoch') AS created,
  round((coalesce(r.ended_at, r.heartbeat_at) - r.created_at) / 1000.0, 1) AS seconds,
  (SELECT count(*) FROM episodes e WHERE e.run_id = r.id) AS episodes,
  (SELECT count(*) FROM episodes e WHERE e.run_id = r.id AND e.kind = 'evaluation') AS evaluations,
  (SELECT round(avg(e.success), 4) FROM episodes e WHERE e.run_id = r.id AND e.kind = 'evaluation') AS evaluation_success,
  (SELECT count(*) FROM models m WHERE m.run_id = r.id) AS models,
  (SELECT max(c.step) FROM checkpoints c WHERE c.run_id = r.id) AS last_checkpoint,
  r.reward_hash, r.device, r.error
FROM runs r;

CREATE VIEW episode_summary AS
SELECT e.id, e.run_id, r.name AS run, e.task, e.kind, e.seed, e.trained_steps, e.length, e.ending, e.success,
  round(e.final_progress, 4) AS final_progress, round(e.return_total, 4) AS return_total,
  (SELECT json_group_object(t.name, round(v.value, 4))
     FROM episode_returns v JOIN reward_terms t ON t.id = v.term_id WHERE v.episode_id = e.id) AS returns,
  (SELECT length(d.bytes) FROM episode_data d WHERE d.episode_id = e.id) AS bytes,
  e.reward_hash, e.verified,
  datetime(e.created_at / 1000, 'unixepoch') AS created
FROM episodes e JOIN runs r ON r.id = e.run_id;

CREATE VIEW metric_values AS
SELECT m.run_id, n.name, m.step, m.value FROM metrics m JOIN metric_names n ON n.id = m.name_id;
`,
  },
  {
    title: 'journals of checkpoints, weights changed while a run goes on',
    sql: `
-- What is too large to be written whole with every checkpoint (a replay buffer), piece by piece.
CREATE TABLE journal_pieces (
  id INTEGER PRIMARY KEY,
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  checkpoint_id INTEGER NOT NULL,                       -- the checkpoint that was written with it; it may be pruned by now
  needed INTEGER NOT NULL CHECK (needed >= 1),          -- so many pieces, this one the last, gave the buffer of that moment
  hash TEXT NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE INDEX journal_pieces_by_run ON journal_pieces (run_id, checkpoint_id);

CREATE TABLE weight_changes (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  step INTEGER NOT NULL CHECK (step >= 0),              -- environment steps trained when it took effect
  line INTEGER NOT NULL CHECK (line >= 0),              -- of the reward stack
  weight REAL NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (run_id, step, line)
) STRICT, WITHOUT ROWID;
`,
  },
  {
    title: 'what people say about episodes and runs, forks, settings of the project',
    sql: `
ALTER TABLE episodes ADD COLUMN starred INTEGER NOT NULL DEFAULT 0 CHECK (starred IN (0, 1));
ALTER TABLE episodes ADD COLUMN trashed_at INTEGER;           -- in the trash since; lists leave it out, nothing is lost
ALTER TABLE episodes ADD COLUMN jerk REAL;                    -- root mean square of the second difference of the actions; NULL is not known
ALTER TABLE episodes ADD COLUMN learned_progress REAL;        -- learned progress at the last frame, by the model it was recorded with
ALTER TABLE episodes ADD COLUMN parent_id INTEGER REFERENCES episodes (id) ON DELETE SET NULL;  -- a fork of that episode:
ALTER TABLE episodes ADD COLUMN fork_frame INTEGER;           -- its first fork_frame steps are the parent's
ALTER TABLE episodes ADD COLUMN actor TEXT;                   -- who went on from there, in words
CREATE INDEX episodes_by_trash ON episodes (trashed_at) WHERE trashed_at IS NOT NULL;
CREATE INDEX episodes_by_parent ON episodes (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE episode_tags (
  episode_id INTEGER NOT NULL REFERENCES episodes (id) ON DELETE CASCADE,
  tag TEXT NOT NULL CHECK (length(tag) BETWEEN 1 AND 60),
  PRIMARY KEY (episode_id, tag)
) STRICT, WITHOUT ROWID;
CREATE INDEX episode_tags_by_tag ON episode_tags (tag, episode_id);

ALTER TABLE runs ADD COLUMN note TEXT NOT NULL DEFAULT '';
CREATE TABLE run_tags (
  run_id INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  tag TEXT NOT NULL CHECK (length(tag) BETWEEN 1 AND 60),
  PRIMARY KEY (run_id, tag)
) STRICT, WITHOUT ROWID;

-- What belongs to the project rather than to one window: pinned baseline, saved layouts.
CREATE TABLE project_settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL CHECK (json_valid(value)),
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
`,
  },
  {
    title: 'forks from edited states',
    sql: `
-- JSON: { episode, frame, steps, changes: [{ name, from, to }] }; NULL where the seed gives the start. The start itself is the first keyframe.
ALTER TABLE episodes ADD COLUMN edited_start TEXT CHECK (json_valid(edited_start));
`,
  },
  {
    title: 'jerk and learned progress of episodes stored before schema 3',
    sql: `
-- Episodes that may be older than jerk and learned_progress, which are worked out in the background (store/old-episodes.ts). A row
-- goes when that is done; those whose bytes are damaged stay.
CREATE TABLE old_episodes (
  episode_id INTEGER PRIMARY KEY REFERENCES episodes (id) ON DELETE CASCADE
) STRICT;
INSERT INTO old_episodes SELECT id FROM episodes WHERE jerk IS NULL AND learned_progress IS NULL;
`,
  },
];
