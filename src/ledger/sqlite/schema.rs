//! The tables of the SQLite ledger.
//!
//! What is booked is never changed: triggers refuse it, whoever asks. What does change: `unrated`, `usage` and `meters`,
//! which can be computed again from the others, and `holdings`, which is what the plan says today. Keys follow the order of
//! arrival, so that a batch of records touches neighbouring pages; the one table ordered by a hash, `identities`, is kept
//! narrow and has all legs of a call beside each other.
//!
//! Instants are milliseconds since 1970-01-01 UTC, months are `year * 100 + month`, money is millionths of a yuan.

/// Version 1.
pub(super) const V1: &str = r"
-- Who this ledger is: made once, for as long as the file lives.
CREATE TABLE ledger (
    one     INTEGER PRIMARY KEY CHECK (one = 1),
    id      TEXT NOT NULL CHECK (length(id) = 32),
    made_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sources (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- 'tenant/acme' pays, 'revenue/voice' earns; 'nobody' stands for numbers that no tenant held.
CREATE TABLE accounts (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE price_books (
    digest  BLOB PRIMARY KEY CHECK (length(digest) = 32),
    tariff  TEXT NOT NULL,
    body    TEXT NOT NULL,
    kept_at INTEGER NOT NULL
) STRICT;

-- What a number was, from an instant on; its end is the next row of the number. Without a tenant: held by nobody.
-- The price book may arrive later, so it is no foreign key.
CREATE TABLE bindings (
    id              INTEGER PRIMARY KEY,
    number          INTEGER NOT NULL,
    valid_from      INTEGER NOT NULL,
    tenant          INTEGER REFERENCES accounts,
    object          TEXT,
    tariff          TEXT,
    price_book      BLOB CHECK (length(price_book) = 32),
    package         TEXT,
    functions       TEXT,
    calls_per_month INTEGER,
    recorded_at     INTEGER NOT NULL,
    CHECK ((tenant IS NULL) = (price_book IS NULL))
) STRICT;
CREATE INDEX bindings_by_number ON bindings (number, id);

-- Which parts of the plan name the number today and what each says of it; the one told last counts. A binding ends when
-- no part names its number.
CREATE TABLE holdings (
    number INTEGER NOT NULL,
    part   TEXT NOT NULL,
    entry  TEXT NOT NULL,
    told   INTEGER NOT NULL,
    PRIMARY KEY (number, part)
) STRICT, WITHOUT ROWID;
CREATE INDEX holdings_by_part ON holdings (part);

-- Call records as received and normalised, in the order of arrival.
CREATE TABLE records (
    id          INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    started_at  INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    -- By the areas that its numbers gave when it came: 0 unknown, 1 local, 2 long distance.
    distance    INTEGER NOT NULL,
    body        TEXT NOT NULL
) STRICT;

-- (call id, source, leg) is a record's identity; the call id as the first half of its SHA-256.
CREATE TABLE identities (
    call        BLOB NOT NULL CHECK (length(call) = 16),
    source      INTEGER NOT NULL REFERENCES sources,
    leg         INTEGER NOT NULL,
    content     BLOB NOT NULL CHECK (length(content) = 16),
    record      INTEGER NOT NULL REFERENCES records,
    number      INTEGER NOT NULL,
    tenant      INTEGER NOT NULL REFERENCES accounts,
    usage_month INTEGER NOT NULL,
    outcome     INTEGER NOT NULL,
    PRIMARY KEY (call, source, leg)
) STRICT, WITHOUT ROWID;

-- Records that came again with other content: kept, never charged.
CREATE TABLE conflicts (
    id          INTEGER PRIMARY KEY,
    record      INTEGER NOT NULL REFERENCES records,
    content     BLOB NOT NULL CHECK (length(content) = 16),
    received_at INTEGER NOT NULL,
    body        TEXT NOT NULL,
    UNIQUE (record, content)
) STRICT;

-- What the caller of an answered call pays to their own carrier: information, in no total and on no account.
CREATE TABLE caller_information (
    record      INTEGER PRIMARY KEY REFERENCES records,
    information TEXT NOT NULL
) STRICT;

-- Records that could not be rated yet, and why.
CREATE TABLE unrated (
    record      INTEGER PRIMARY KEY REFERENCES records,
    reason      TEXT NOT NULL,
    number      INTEGER NOT NULL,
    tenant      INTEGER NOT NULL REFERENCES accounts,
    usage_month INTEGER NOT NULL
) STRICT;
CREATE INDEX unrated_by_number ON unrated (number);

-- `amount` goes from `debit` to `credit`, so the book balances by its form. A charge that may happen once only has a key.
CREATE TABLE postings (
    id              INTEGER PRIMARY KEY,
    debit           INTEGER NOT NULL REFERENCES accounts,
    credit          INTEGER NOT NULL REFERENCES accounts,
    amount          INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    usage_month     INTEGER NOT NULL,
    statement_month INTEGER NOT NULL,
    record          INTEGER REFERENCES records,
    binding         INTEGER NOT NULL REFERENCES bindings,
    charge_key      TEXT UNIQUE,
    charge          TEXT NOT NULL,
    booked_at       INTEGER NOT NULL,
    CHECK ((record IS NULL) <> (charge_key IS NULL))
) STRICT;
CREATE INDEX postings_by_statement ON postings (debit, statement_month);

-- Totals per month, number and holder. `sequence` is that of the last change: the usage feed's cursor.
CREATE TABLE usage (
    month           INTEGER NOT NULL,
    number          INTEGER NOT NULL,
    tenant          INTEGER NOT NULL REFERENCES accounts,
    offered         INTEGER NOT NULL,
    answered        INTEGER NOT NULL,
    refused         INTEGER NOT NULL,
    charged_seconds INTEGER NOT NULL,
    setup           INTEGER NOT NULL,
    voice           INTEGER NOT NULL,
    messages        INTEGER NOT NULL,
    functions       INTEGER NOT NULL,
    unrated         INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    PRIMARY KEY (month, number, tenant)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX usage_by_sequence ON usage (sequence);

-- Up to which instant a number's monthly and daily fees have been posted.
CREATE TABLE accruals (
    number  INTEGER PRIMARY KEY,
    through INTEGER NOT NULL
) STRICT;

CREATE TRIGGER postings_are_not_changed BEFORE UPDATE ON postings
    BEGIN SELECT RAISE(ABORT, 'postings are never changed'); END;
CREATE TRIGGER postings_are_not_deleted BEFORE DELETE ON postings
    BEGIN SELECT RAISE(ABORT, 'postings are never deleted'); END;
CREATE TRIGGER records_are_not_changed BEFORE UPDATE ON records
    BEGIN SELECT RAISE(ABORT, 'records are never changed'); END;
CREATE TRIGGER bindings_are_not_changed BEFORE UPDATE ON bindings
    BEGIN SELECT RAISE(ABORT, 'bindings are never changed'); END;
CREATE TRIGGER bindings_are_not_deleted BEFORE DELETE ON bindings
    BEGIN SELECT RAISE(ABORT, 'bindings are never deleted'); END;
CREATE TRIGGER price_books_are_not_changed BEFORE UPDATE ON price_books
    BEGIN SELECT RAISE(ABORT, 'price books are never changed'); END;
";

/// Version 2: discounts by volume, minutes that roll over, minimum spend.
pub(super) const V2: &str = r"
-- Seconds of a month that a rate with discounts by volume has charged, by what their price depends on.
CREATE TABLE meters (
    month   INTEGER NOT NULL,
    number  INTEGER NOT NULL,
    tenant  INTEGER NOT NULL REFERENCES accounts,
    meter   TEXT NOT NULL,
    seconds INTEGER NOT NULL,
    PRIMARY KEY (month, number, tenant, meter)
) STRICT, WITHOUT ROWID;

-- Least spend of a month that the number's grade asks.
ALTER TABLE bindings ADD COLUMN minimum_monthly INTEGER;
-- Of `voice`: what the month was topped up by.
ALTER TABLE usage ADD COLUMN topped_up INTEGER NOT NULL DEFAULT 0;
-- Seconds that the month before left of its package; NULL: not asked for yet, or none are passed on.
ALTER TABLE usage ADD COLUMN carried INTEGER;
";
