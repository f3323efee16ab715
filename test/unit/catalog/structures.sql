-- Structures that the CRM has none of.
CREATE SCHEMA "Odd Names";
CREATE SCHEMA shop;
CREATE EXTENSION citext SCHEMA shop;
CREATE TYPE shop.mood AS ENUM ('calm', 'cross');
CREATE TYPE shop.pair AS (a integer, b text);
CREATE DOMAIN shop.code AS varchar(12) NOT NULL;
CREATE DOMAIN shop.short_code AS shop.code CHECK (VALUE <> '');
CREATE TABLE shop.parts (
  id       integer NOT NULL,
  dropped  text,
  code     shop.short_code,
  mood     shop.mood,
  moods    shop.mood[],
  price    numeric(8, 3) DEFAULT 1,
  nickname shop.citext,
  doubled  numeric GENERATED ALWAYS AS (price * 2) STORED,
  address  inet,
  CONSTRAINT parts_price UNIQUE (price) DEFERRABLE
);
ALTER TABLE shop.parts DROP COLUMN dropped;
CREATE UNIQUE INDEX parts_key ON shop.parts (address, id) INCLUDE (price);
CREATE UNIQUE INDEX parts_partial ON shop.parts (id) WHERE price > 1;
CREATE UNIQUE INDEX parts_expression ON shop.parts (lower(code), id);
CREATE INDEX parts_plain ON shop.parts (nickname);
COMMENT ON TABLE shop.parts IS 'what things are made of';
CREATE TABLE shop.events (id integer, at date) PARTITION BY RANGE (at);
CREATE TABLE shop.events_2026 PARTITION OF shop.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (at);
CREATE TABLE shop.events_2026_05 PARTITION OF shop.events_2026 FOR VALUES FROM ('2026-05-01') TO ('2026-06-01');
CREATE INDEX events_at ON shop.events (at);
CREATE TABLE shop.animals (name text);
CREATE TABLE shop.pets (owner text) INHERITS (shop.animals);
CREATE MATERIALIZED VIEW shop.cheap AS SELECT id, price FROM shop.parts WHERE price < 2;
CREATE UNLOGGED TABLE "Odd Names"."Say ""hi""" ("A b" text);
CREATE FUNCTION shop.left(value text, n integer) RETURNS text LANGUAGE sql AS 'SELECT value';
CREATE FUNCTION shop.shout(text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
CREATE FUNCTION shop.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR shop.= (FUNCTION = shop.always, LEFTARG = text, RIGHTARG = text);
