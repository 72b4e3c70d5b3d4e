-- What the database refuses by itself, whoever asks and however: the rules of the raffle that
-- Django's constraints cannot say. Every refusal names its rule (SQLSTATE 23514, constraint name).
--
-- The functions fix search_path, so that nobody slips a table of their own under them, and turn
-- sequential scans off: PL/pgSQL keeps the plan that it made while the tables were still empty.

-- 1. Copies cannot lie -----------------------------------------------------------------------------
-- Tickets carry the limits, and purchases the price, that they were sold under. Because the copies
-- must equal the raffle's own, the first sale freezes these, and CHECKs can compare within one row.

ALTER TABLE raffle_ticket
  ADD CONSTRAINT ticket_copies_raffle_limits
    FOREIGN KEY (raffle_id, raffle_capacity, raffle_limit)
    REFERENCES raffle_raffle (id, capacity, ticket_limit),
  ADD CONSTRAINT ticket_belongs_to_its_purchase
    FOREIGN KEY (purchase_id, raffle_id, buyer_id)
    REFERENCES raffle_purchase (id, raffle_id, buyer_id);

ALTER TABLE raffle_purchase
  ADD CONSTRAINT purchase_copies_raffle_price
    FOREIGN KEY (raffle_id, unit_price) REFERENCES raffle_raffle (id, price),
  ADD CONSTRAINT purchase_buyer_is_not_staff
    FOREIGN KEY (buyer_id, buyer_is_staff) REFERENCES accounts_user (id, is_staff),
  ADD CONSTRAINT purchase_stands_in_the_ledger
    FOREIGN KEY (raffle_id, ledger_seq) REFERENCES raffle_ledgerentry (raffle_id, seq);

ALTER TABLE raffle_draw
  ADD CONSTRAINT draw_ticket_is_of_its_raffle
    FOREIGN KEY (ticket_id, raffle_id) REFERENCES raffle_ticket (id, raffle_id);

-- 2. Only ever added ---------------------------------------------------------------------------------

CREATE FUNCTION raffle_refuse(rule text, why text) RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION '%', why USING ERRCODE = 'check_violation', CONSTRAINT = rule;
END $$;

CREATE FUNCTION raffle_append_only() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM raffle_refuse(TG_NAME, TG_OP || ' refused: ' || TG_TABLE_NAME || ' is append-only');
  RETURN NULL;
END $$;

-- 3. The raffle: forward only, and frozen from the first sale on --------------------------------------

CREATE FUNCTION raffle_moves_forward() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  free text[] := ARRAY['status', 'description'];
  now_says jsonb := to_jsonb(NEW);
  then_said jsonb := to_jsonb(OLD);
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.status <> 'DRAFT' THEN
      PERFORM raffle_refuse('raffle_begins_as_a_draft', 'a raffle begins as a draft');
    END IF;
    RETURN NEW;
  END IF;
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM raffle_refuse('raffle_changes_see_all_sales', 'an older snapshot would miss a sale');
  END IF;
  IF NEW.status <> OLD.status
     AND (OLD.status, NEW.status) NOT IN (('DRAFT', 'OPEN'), ('OPEN', 'CLOSED')) THEN
    PERFORM raffle_refuse('raffle_status_goes_forward',
                          'status cannot go from ' || OLD.status || ' to ' || NEW.status);
  END IF;
  IF NEW.id <> OLD.id OR NEW.uuid <> OLD.uuid OR NEW.pseudonym_key <> OLD.pseudonym_key THEN
    PERFORM raffle_refuse('raffle_identity_is_fixed', 'a raffle keeps its identity');
  END IF;
  IF OLD.status = 'CLOSED' AND now_says <> then_said THEN
    PERFORM raffle_refuse('raffle_closed_for_good', 'a closed raffle is not changed any more');
  END IF;
  IF now_says - free <> then_said - free
     AND EXISTS (SELECT FROM raffle_ticket WHERE raffle_id = OLD.id) THEN
    PERFORM raffle_refuse('raffle_frozen_since_first_sale',
                          'tickets were sold on these terms: they cannot be changed');
  END IF;
  RETURN NEW;
END $$;

-- 4. Tickets: only while open, numbers without a gap, a purchase whole --------------------------------
-- Once a statement, after its rows. Takes the lock that selling takes, so that a raw insert that
-- races a sale or the close waits for it and then sees what it did.

CREATE FUNCTION raffle_tickets_sold() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  batch record;
  raffle record;
BEGIN
  FOR batch IN SELECT raffle_id, min(number) AS first, max(number) AS last, count(*) AS size
               FROM sold GROUP BY raffle_id LOOP
    SELECT status, opens_at, closes_at INTO raffle
      FROM raffle_raffle WHERE id = batch.raffle_id FOR NO KEY UPDATE;
    IF raffle.status <> 'OPEN' OR clock_timestamp() < raffle.opens_at
       OR clock_timestamp() >= raffle.closes_at THEN
      PERFORM raffle_refuse('ticket_sold_only_while_open', 'the raffle is not open');
    END IF;
    IF batch.last - batch.first + 1 <> batch.size OR batch.first <> 1 + coalesce(
         (SELECT max(number) FROM raffle_ticket
          WHERE raffle_id = batch.raffle_id AND number < batch.first), 0) THEN
      PERFORM raffle_refuse('ticket_numbers_are_dense', 'ticket numbers are 1, 2, 3, … in order');
    END IF;
  END LOOP;
  IF EXISTS (SELECT FROM (SELECT DISTINCT purchase_id FROM sold) AS s
             WHERE NOT raffle_purchase_is_whole(s.purchase_id)) THEN
    PERFORM raffle_refuse('purchase_is_whole', 'these are not the tickets of the purchase');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION raffle_purchase_is_whole(purchase uuid) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
  SELECT p.quantity = count(t.number)
     AND p.first_number = min(t.number)
     AND p.first_number + p.quantity - 1 = max(t.number)
  FROM raffle_purchase p LEFT JOIN raffle_ticket t ON t.purchase_id = p.id
  WHERE p.id = purchase GROUP BY p.id
$$;

CREATE FUNCTION raffle_purchase_made() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  IF raffle_purchase_is_whole(NEW.id) IS NOT TRUE THEN
    PERFORM raffle_refuse('purchase_is_whole', 'a purchase comes with all its tickets');
  END IF;
  RETURN NULL;
END $$;

-- 5. Voids and the draw ------------------------------------------------------------------------------

CREATE FUNCTION raffle_ticket_voided() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  status text;
BEGIN
  SELECT r.status INTO status FROM raffle_raffle r
    WHERE r.id = (SELECT raffle_id FROM raffle_ticket WHERE id = NEW.ticket_id) FOR NO KEY UPDATE;
  IF status <> 'OPEN' THEN
    PERFORM raffle_refuse('void_only_while_open', 'the list of tickets is closed');
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION raffle_winner_drawn() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  status text;
  valid bigint;
  winner bigint;
BEGIN
  SELECT r.status INTO status FROM raffle_raffle r WHERE id = NEW.raffle_id FOR NO KEY UPDATE;
  IF status <> 'CLOSED' THEN
    PERFORM raffle_refuse('draw_only_when_closed', 'the raffle is not closed');
  END IF;
  IF EXISTS (SELECT FROM raffle_void WHERE ticket_id = NEW.ticket_id) THEN
    PERFORM raffle_refuse('draw_never_of_a_void_ticket', 'a void ticket cannot win');
  END IF;
  SELECT count(*) INTO valid FROM raffle_ticket t
    WHERE raffle_id = NEW.raffle_id
      AND NOT EXISTS (SELECT FROM raffle_void v WHERE v.ticket_id = t.id);
  SELECT id INTO winner FROM raffle_ticket t
    WHERE raffle_id = NEW.raffle_id
      AND NOT EXISTS (SELECT FROM raffle_void v WHERE v.ticket_id = t.id)
    ORDER BY number OFFSET NEW.picked LIMIT 1;
  IF valid <> NEW.entries OR winner IS DISTINCT FROM NEW.ticket_id THEN
    PERFORM raffle_refuse('draw_is_of_the_picked_ticket',
                          'the winner is the picked one of all valid tickets, by number');
  END IF;
  RETURN NEW;
END $$;

-- 6. The ledger: a chain -------------------------------------------------------------------------------

CREATE FUNCTION raffle_ledger_continued() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added a
    CROSS JOIN LATERAL (SELECT a.line::jsonb AS says) AS parsed
    JOIN raffle_raffle r ON r.id = a.raffle_id
    LEFT JOIN raffle_ledgerentry earlier
      ON earlier.raffle_id = a.raffle_id AND earlier.seq = a.seq - 1
    WHERE a.seq < 1
       OR (a.seq > 1 AND earlier.hash IS NULL)
       OR a.hash <> encode(sha256(convert_to(a.line, 'UTF8')), 'hex')
       OR says ->> 'prev' IS DISTINCT FROM coalesce(earlier.hash, repeat('0', 64))
       OR says ->> 'seq' IS DISTINCT FROM a.seq::text
       OR says ->> 'kind' IS DISTINCT FROM a.kind
       OR says ->> 'raffle' IS DISTINCT FROM r.uuid::text
       OR (says ->> 'at')::timestamptz IS DISTINCT FROM a.at
  ) THEN
    PERFORM raffle_refuse('ledger_continues_the_chain', 'the entry does not continue the ledger');
  END IF;
  RETURN NULL;
END $$;

-- 7. The triggers. ALWAYS: session_replication_role does not switch them off. ---------------------------

CREATE TRIGGER raffle_moves_forward BEFORE INSERT OR UPDATE ON raffle_raffle
  FOR EACH ROW EXECUTE FUNCTION raffle_moves_forward();
CREATE TRIGGER raffle_never_deleted BEFORE DELETE ON raffle_raffle
  FOR EACH ROW EXECUTE FUNCTION raffle_append_only();
CREATE TRIGGER raffle_never_truncated BEFORE TRUNCATE ON raffle_raffle
  FOR EACH STATEMENT EXECUTE FUNCTION raffle_append_only();
CREATE TRIGGER raffle_tickets_sold AFTER INSERT ON raffle_ticket
  REFERENCING NEW TABLE AS sold FOR EACH STATEMENT EXECUTE FUNCTION raffle_tickets_sold();
CREATE CONSTRAINT TRIGGER raffle_purchase_made AFTER INSERT ON raffle_purchase
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION raffle_purchase_made();
CREATE TRIGGER raffle_ticket_voided BEFORE INSERT ON raffle_void
  FOR EACH ROW EXECUTE FUNCTION raffle_ticket_voided();
CREATE TRIGGER raffle_winner_drawn BEFORE INSERT ON raffle_draw
  FOR EACH ROW EXECUTE FUNCTION raffle_winner_drawn();
CREATE TRIGGER raffle_ledger_continued AFTER INSERT ON raffle_ledgerentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION raffle_ledger_continued();

DO $$
DECLARE
  noun text;
  guard record;
BEGIN
  FOREACH noun IN ARRAY ARRAY['ticket', 'purchase', 'void', 'draw', 'ledgerentry'] LOOP
    EXECUTE format('CREATE TRIGGER %1$s_append_only BEFORE UPDATE OR DELETE ON raffle_%1$s
                    FOR EACH ROW EXECUTE FUNCTION raffle_append_only()', noun);
    EXECUTE format('CREATE TRIGGER %1$s_never_truncated BEFORE TRUNCATE ON raffle_%1$s
                    FOR EACH STATEMENT EXECUTE FUNCTION raffle_append_only()', noun);
  END LOOP;
  FOR guard IN SELECT tgrelid::regclass AS on_table, tgname FROM pg_trigger
               WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'raffle\_%' LOOP
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', guard.on_table, guard.tgname);
  END LOOP;
END $$;
