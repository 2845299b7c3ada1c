-- Certificates of completed learning paths, and learning paths among what is found by a few words. A certificate is
-- of an enrollment or of a path enrollment; "course_title" holds the title of whichever it is.

-- migrate:up
ALTER TABLE learning_path
  ADD COLUMN awards_certificate boolean NOT NULL DEFAULT false,
  ADD COLUMN certificate_days integer CHECK (certificate_days BETWEEN 1 AND 36500);

ALTER TABLE certificate
  ALTER COLUMN course_id DROP NOT NULL,
  ALTER COLUMN enrollment_id DROP NOT NULL,
  ADD COLUMN path_id uuid,
  ADD COLUMN path_enrollment_id uuid,
  ADD CONSTRAINT certificate_once_of_path UNIQUE (tenant_id, path_enrollment_id),
  ADD CONSTRAINT certificate_of_one CHECK (
    (course_id IS NULL) = (enrollment_id IS NULL) AND (path_id IS NULL) = (path_enrollment_id IS NULL)
    AND (course_id IS NULL) <> (path_id IS NULL)),
  ADD FOREIGN KEY (tenant_id, path_id) REFERENCES learning_path (tenant_id, id),
  ADD FOREIGN KEY (tenant_id, path_enrollment_id)
    REFERENCES learning_path_enrollment (tenant_id, id) ON DELETE CASCADE;

ALTER TABLE search_word
  DROP CONSTRAINT search_word_kind_check,
  ADD CONSTRAINT search_word_kind_check CHECK (kind IN ('user', 'course', 'lesson', 'learning_path'));

-- what there is already; the owner of tables is held to their policies, except where they are not forced
ALTER TABLE learning_path NO FORCE ROW LEVEL SECURITY;
ALTER TABLE search_word NO FORCE ROW LEVEL SECURITY;
ALTER TABLE search_spelling NO FORCE ROW LEVEL SECURITY;
INSERT INTO search_word (tenant_id, word, kind, id)
SELECT tenant_id, has.word, 'learning_path', id FROM learning_path, search_words(title) AS has (word);
INSERT INTO search_spelling (tenant_id, gram, word)
SELECT new.tenant_id, part.gram, new.word FROM (
  SELECT DISTINCT tenant_id, word FROM search_word
  WHERE kind = 'learning_path' AND length(word) >= 4 AND word !~ '[0-9]'
) AS new, search_grams(new.word) AS part (gram)
WHERE NOT EXISTS (SELECT FROM search_spelling s
  WHERE s.tenant_id = new.tenant_id AND s.gram = part.gram AND s.word = new.word);
ALTER TABLE learning_path FORCE ROW LEVEL SECURITY;
ALTER TABLE search_word FORCE ROW LEVEL SECURITY;
ALTER TABLE search_spelling FORCE ROW LEVEL SECURITY;

CREATE TRIGGER note_words_insert AFTER INSERT ON learning_path REFERENCING NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('learning_path', 'title');
CREATE TRIGGER note_words_update AFTER UPDATE ON learning_path REFERENCING OLD TABLE AS before_it NEW TABLE AS after_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('learning_path', 'title');
CREATE TRIGGER note_words_delete AFTER DELETE ON learning_path REFERENCING OLD TABLE AS before_it
  FOR EACH STATEMENT EXECUTE FUNCTION note_words('learning_path', 'title');

-- migrate:down
DROP TRIGGER note_words_insert ON learning_path;
DROP TRIGGER note_words_update ON learning_path;
DROP TRIGGER note_words_delete ON learning_path;
ALTER TABLE search_word NO FORCE ROW LEVEL SECURITY;
DELETE FROM search_word WHERE kind = 'learning_path';
ALTER TABLE search_word FORCE ROW LEVEL SECURITY;
ALTER TABLE search_word
  DROP CONSTRAINT search_word_kind_check,
  ADD CONSTRAINT search_word_kind_check CHECK (kind IN ('user', 'course', 'lesson'));
ALTER TABLE certificate NO FORCE ROW LEVEL SECURITY;
DELETE FROM certificate WHERE path_id IS NOT NULL;
ALTER TABLE certificate FORCE ROW LEVEL SECURITY;
ALTER TABLE certificate
  DROP CONSTRAINT certificate_of_one,
  DROP COLUMN path_id,
  DROP COLUMN path_enrollment_id,
  ALTER COLUMN course_id SET NOT NULL,
  ALTER COLUMN enrollment_id SET NOT NULL;
ALTER TABLE learning_path DROP COLUMN awards_certificate, DROP COLUMN certificate_days;
