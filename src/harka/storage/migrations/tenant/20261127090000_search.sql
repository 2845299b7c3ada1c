-- Words of people, courses and lessons, to find them by. Under row-level security PostgreSQL uses no trigram or
-- full-text index: those operators are not leakproof. These tables are read by = and < on text, which are.
--
-- Kept by whatever transaction changes a text. A spelling is looked up by three letters in a row, and kept once
-- for each word of a tenant, however many rows have it. Nothing here is unique across transactions but a row's
-- own words, so that writers never wait for each other over a word.

-- migrate:up
CREATE TABLE search_word (
  tenant_id uuid NOT NULL,
  word text COLLATE "C" NOT NULL CHECK (length(word) BETWEEN 1 AND 40),
  kind text NOT NULL CHECK (kind IN ('user', 'course', 'lesson')),
  id uuid NOT NULL,
  PRIMARY KEY (tenant_id, word, kind, id)
);

CREATE TABLE search_spelling (
  tenant_id uuid NOT NULL,
  gram text COLLATE "C" NOT NULL CHECK (length(gram) = 3),
  word text COLLATE "C" NOT NULL,
  -- two who write a new word at once both do
  id uuid NOT NULL DEFAULT uuidv7(),
  PRIMARY KEY (tenant_id, gram, word, id)
);

ALTER TABLE search_word ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
ALTER TABLE search_spelling ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON search_word
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
CREATE POLICY tenant ON search_spelling
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- the different words of a text, in lower case and without accents; of an address what stands before the @
CREATE FUNCTION search_words(given text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS $$
  SELECT DISTINCT left(word, 40) COLLATE "C" FROM regexp_split_to_table(
    regexp_replace(
      lower(regexp_replace(normalize(given, NFKD), '[\u0300-\u036f]', '', 'g') COLLATE pg_c_utf8),
      '([[:alnum:]])@\S+', '\1', 'g'),
    '[^[:alnum:]]+') AS word
  WHERE word <> ''
$$;

-- each three letters in a row, two spaces standing before the word
CREATE FUNCTION search_grams(word text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE ROWS 8 AS $$
  SELECT DISTINCT substr('  ' || word, place, 3) COLLATE "C" FROM generate_series(1, length(word)) AS place
$$;

-- Arguments: the kind, and what makes the text out of a row.
-- By indexes whatever the statistics say: a table that was empty a moment ago is not looked through.
CREATE FUNCTION note_words() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT
  SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
  before_text text := format('SELECT tenant_id, id, %s AS text FROM before_it', TG_ARGV[1]);
  after_text text := format('SELECT tenant_id, id, %s AS text FROM after_it', TG_ARGV[1]);
  gone text := before_text;
  come text := after_text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    gone := before_text || ' EXCEPT ' || after_text;
    come := after_text || ' EXCEPT ' || before_text;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    EXECUTE format('DELETE FROM search_word w USING (%s) AS gone, search_words(gone.text) AS had (word)
      WHERE w.tenant_id = gone.tenant_id AND w.word = had.word AND w.kind = %L AND w.id = gone.id', gone, TG_ARGV[0]);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    EXECUTE format('INSERT INTO search_word (tenant_id, word, kind, id)
      SELECT come.tenant_id, has.word, %L, come.id FROM (%s) AS come, search_words(come.text) AS has (word)',
      TG_ARGV[0], come);
    -- a number has no wrong spelling, and of a short word every other is one
    EXECUTE format('INSERT INTO search_spelling (tenant_id, gram, word)
      SELECT new.tenant_id, part.gram, new.word FROM (
        SELECT DISTINCT come.tenant_id, has.word FROM (%s) AS come, search_words(come.text) AS has (word)
        WHERE length(has.word) >= 4 AND has.word !~ ''[0-9]''
      ) AS new, search_grams(new.word) AS part (gram)
      WHERE NOT EXISTS (SELECT FROM search_spelling s
        WHERE s.tenant_id = new.tenant_id AND s.gram = part.gram AND s.word = new.word)', come);
  END IF;
  IF TG_OP <> 'INSERT' THEN
    EXECUTE format('DELETE FROM search_spelling s USING (
        SELECT DISTINCT gone.tenant_id, had.word FROM (%s) AS gone, search_words(gone.text) AS had (word)
      ) AS old, search_grams(old.word) AS part (gram)
      WHERE s.tenant_id = old.tenant_id AND s.gram = part.gram AND s.word = old.word AND NOT EXISTS (
        SELECT FROM search_word w WHERE w.tenant_id = old.tenant_id AND w.word = old.word)', gone);
  END IF;
  RETURN NULL;
END $$;

-- what there is already; the owner of tables is held to their policies, except where they are not forced
ALTER TABLE "user" NO FORCE ROW LEVEL SECURITY;
ALTER TABLE course NO FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson NO FORCE ROW LEVEL SECURITY;
ALTER TABLE search_word NO FORCE ROW LEVEL SECURITY;
ALTER TABLE search_spelling NO FORCE ROW LEVEL SECURITY;
INSERT INTO search_word (tenant_id, word, kind, id)
SELECT tenant_id, has.word, kind, id FROM (
  SELECT tenant_id, 'user' AS kind, id, name || ' ' || email AS text FROM "user"
  UNION ALL SELECT tenant_id, 'course', id, title || ' ' || code FROM course
  UNION ALL SELECT tenant_id, 'lesson', id, title FROM lesson
) AS come, search_words(come.text) AS has (word);
INSERT INTO search_spelling (tenant_id, gram, word)
SELECT new.tenant_id, part.gram, new.word FROM (
  SELECT DISTINCT tenant_id, word FROM search_word WHERE length(word) >= 4 AND word !~ '[0-9]'
) AS new, search_grams(new.word) AS part (gram);
ALTER TABLE "user" FORCE ROW LEVEL SECURITY;
ALTER TABLE course FORCE ROW LEVEL SECURITY;
ALTER TABLE lesson FORCE ROW LEVEL SECURITY;
ALTER TABLE search_word FORCE ROW LEVEL SECURITY;
ALTER TABLE search_spelling FORCE ROW LEVEL SECURITY;

CREATE TRIGGER note_words_insert AFTER INSERT ON "user" REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('user', 'name || '' '' || email');
CREATE TRIGGER note_words_update AFTER UPDATE ON "user" REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('user', 'name || '' '' || email');
CREATE TRIGGER note_words_delete AFTER DELETE ON "user" REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('user', 'name || '' '' || email');
CREATE TRIGGER note_words_insert AFTER INSERT ON course REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('course', 'title || '' '' || code');
CREATE TRIGGER note_words_update AFTER UPDATE ON course REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('course', 'title || '' '' || code');
CREATE TRIGGER note_words_delete AFTER DELETE ON course REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('course', 'title || '' '' || code');
CREATE TRIGGER note_words_insert AFTER INSERT ON lesson REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('lesson', 'title');
CREATE TRIGGER note_words_update AFTER UPDATE ON lesson REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('lesson', 'title');
CREATE TRIGGER note_words_delete AFTER DELETE ON lesson REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('lesson', 'title');

-- migrate:down
DROP TRIGGER note_words_insert ON "user";
DROP TRIGGER note_words_update ON "user";
DROP TRIGGER note_words_delete ON "user";
DROP TRIGGER note_words_insert ON course;
DROP TRIGGER note_words_update ON course;
DROP TRIGGER note_words_delete ON course;
DROP TRIGGER note_words_insert ON lesson;
DROP TRIGGER note_words_update ON lesson;
DROP TRIGGER note_words_delete ON lesson;
DROP FUNCTION note_words(), search_grams(text), search_words(text);
DROP TABLE search_spelling, search_word;
