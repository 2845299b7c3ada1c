-- How many people a course takes; NULL takes any number.

-- migrate:up
ALTER TABLE course ADD COLUMN seats integer CHECK (seats BETWEEN 1 AND 1000000);

-- migrate:down
ALTER TABLE course DROP COLUMN seats;
