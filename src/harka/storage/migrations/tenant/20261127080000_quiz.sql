-- Quizzes of lessons, their questions with what is right, and what learners answered.

-- migrate:up
CREATE TABLE quiz (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  lesson_id uuid NOT NULL,
  title text NOT NULL CHECK (length(title) BETWEEN 1 AND 200),
  description text NOT NULL DEFAULT '' CHECK (length(description) <= 10000),
  time_limit_seconds integer CHECK (time_limit_seconds BETWEEN 10 AND 86400),
  allowed_attempts integer CHECK (allowed_attempts BETWEEN 1 AND 100),
  pass_percent integer NOT NULL CHECK (pass_percent BETWEEN 0 AND 100),
  reveal text NOT NULL CHECK (reveal IN ('never', 'after_submission', 'after_last_attempt')),
  completes_lesson boolean NOT NULL,
  shuffles_options boolean NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, lesson_id, id),
  FOREIGN KEY (tenant_id, lesson_id) REFERENCES lesson (tenant_id, id) ON DELETE CASCADE
);
-- a lesson is finished by one quiz at the most; asked whenever progress is written
CREATE UNIQUE INDEX quiz_completes_lesson ON quiz (tenant_id, lesson_id) WHERE completes_lesson;

CREATE TABLE quiz_question (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  quiz_id uuid NOT NULL,
  position integer NOT NULL CHECK (position >= 0),
  kind text NOT NULL CHECK (kind IN ('single', 'multiple', 'true_false', 'short', 'numeric')),
  prompt text NOT NULL CHECK (length(prompt) BETWEEN 1 AND 5000),
  points integer NOT NULL CHECK (points BETWEEN 1 AND 1000),
  options text[] NOT NULL,
  correct_choices integer[] NOT NULL,
  is_true boolean,
  correct_number double precision,
  tolerance double precision CHECK (tolerance >= 0),
  accepted_texts text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, quiz_id) REFERENCES quiz (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX quiz_question_order ON quiz_question (tenant_id, quiz_id, position, id);

-- questions: as they were at the start, with what is right; answers: as they were sent
CREATE TABLE quiz_attempt (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  quiz_id uuid NOT NULL,
  enrollment_id uuid NOT NULL,
  number integer NOT NULL CHECK (number > 0),
  started_at timestamptz NOT NULL,
  ends_at timestamptz,
  submitted_at timestamptz,
  pass_percent integer NOT NULL CHECK (pass_percent BETWEEN 0 AND 100),
  points integer NOT NULL CHECK (points > 0),
  earned integer CHECK (earned BETWEEN 0 AND points),
  percent double precision CHECK (percent BETWEEN 0 AND 100),
  passed boolean,
  questions jsonb NOT NULL,
  answers jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  version integer NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT quiz_attempt_number UNIQUE (tenant_id, enrollment_id, quiz_id, number),
  CHECK (num_nulls(submitted_at, earned, percent, passed, answers) IN (0, 5)),
  FOREIGN KEY (tenant_id, quiz_id) REFERENCES quiz (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, enrollment_id) REFERENCES enrollment (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX quiz_attempt_enrollment_page ON quiz_attempt (tenant_id, enrollment_id, created_at, id);
CREATE INDEX quiz_attempt_quiz_page ON quiz_attempt (tenant_id, quiz_id, created_at, id);

ALTER TABLE quiz ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quiz
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE quiz_question ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quiz_question
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);
ALTER TABLE quiz_attempt ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON quiz_attempt
  USING (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.current_tenant', true), '')::uuid);

-- a quiz is shown once, in its own lesson
ALTER TABLE content_item
  ADD COLUMN quiz_id uuid,
  ADD CONSTRAINT content_item_quiz UNIQUE (tenant_id, quiz_id),
  ADD CHECK ((quiz_id IS NOT NULL) = (kind = 'quiz')),
  ADD FOREIGN KEY (tenant_id, lesson_id, quiz_id) REFERENCES quiz (tenant_id, lesson_id, id)
    ON DELETE CASCADE;

-- migrate:down
DELETE FROM content_item WHERE kind = 'quiz';
ALTER TABLE content_item DROP COLUMN quiz_id;
DROP TABLE quiz_attempt;
DROP TABLE quiz_question;
DROP TABLE quiz;
