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

ALTER TABLE raffle_void
  ADD CONSTRAINT void_ticket_is_of_its_raffle
    FOREIGN KEY (ticket_id, raffle_id) REFERENCES raffle_ticket (id, raffle_id);
ALTER TABLE raffle_proposal
  ADD CONSTRAINT proposal_ticket_is_of_its_raffle
    FOREIGN KEY (ticket_id, raffle_id) REFERENCES raffle_ticket (id, raffle_id);
ALTER TABLE raffle_draw
  ADD CONSTRAINT draw_ticket_is_of_its_raffle
    FOREIGN KEY (ticket_id, raffle_id) REFERENCES raffle_ticket (id, raffle_id),
  ADD CONSTRAINT draw_follows_its_seal
    FOREIGN KEY (raffle_id, entries, manifest) REFERENCES raffle_seal (raffle_id, entries, manifest);
ALTER TABLE raffle_award
  ADD CONSTRAINT award_ticket_is_of_its_raffle
    FOREIGN KEY (ticket_id, raffle_id) REFERENCES raffle_ticket (id, raffle_id);
ALTER TABLE raffle_claim
  ADD CONSTRAINT claim_award_is_of_its_raffle
    FOREIGN KEY (award_id, raffle_id) REFERENCES raffle_award (id, raffle_id);
ALTER TABLE raffle_forfeit
  ADD CONSTRAINT forfeit_award_is_of_its_raffle
    FOREIGN KEY (award_id, raffle_id) REFERENCES raffle_award (id, raffle_id);

-- Nothing of this exists without its line in the ledger.
DO $$
DECLARE
  noun text;
BEGIN
  FOREACH noun IN ARRAY ARRAY['void', 'proposal', 'seal', 'draw', 'award', 'claim', 'forfeit'] LOOP
    EXECUTE format('ALTER TABLE raffle_%1$s ADD CONSTRAINT %1$s_stands_in_the_ledger
                    FOREIGN KEY (raffle_id, ledger_seq)
                    REFERENCES raffle_ledgerentry (raffle_id, seq)', noun);
  END LOOP;
END $$;

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
     AND (OLD.status, NEW.status) NOT IN
       (('DRAFT', 'OPEN'), ('OPEN', 'CLOSED'), ('OPEN', 'CANCELLED'), ('CLOSED', 'CANCELLED')) THEN
    PERFORM raffle_refuse('raffle_status_goes_forward',
                          'status cannot go from ' || OLD.status || ' to ' || NEW.status);
  END IF;
  IF NEW.id <> OLD.id OR NEW.uuid <> OLD.uuid OR NEW.pseudonym_key <> OLD.pseudonym_key THEN
    PERFORM raffle_refuse('raffle_identity_is_fixed', 'a raffle keeps its identity');
  END IF;
  IF OLD.status IN ('CLOSED', 'CANCELLED') AND now_says - 'status' <> then_said - 'status' THEN
    PERFORM raffle_refuse('raffle_closed_for_good', 'a closed raffle is not changed any more');
  END IF;
  IF NEW.status = 'CANCELLED' AND OLD.status <> 'CANCELLED'
     AND EXISTS (SELECT FROM raffle_seal WHERE raffle_id = OLD.id) THEN
    PERFORM raffle_refuse('raffle_sealed_is_drawn', 'a sealed raffle is drawn, never cancelled');
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
  -- All tickets of a purchase come in one statement, and numbers are unique: nothing is added later.
  IF EXISTS (SELECT FROM (SELECT purchase_id, count(*) AS size, min(number) AS first,
                          max(number) AS last FROM sold GROUP BY purchase_id) AS t
             JOIN raffle_purchase p ON p.id = t.purchase_id
             WHERE p.quantity <> t.size OR p.first_number <> t.first
                OR p.first_number + p.quantity - 1 <> t.last) THEN
    PERFORM raffle_refuse('purchase_is_whole', 'these are not the tickets of the purchase');
  END IF;
  RETURN NULL;
END $$;

-- At COMMIT.
CREATE FUNCTION raffle_purchase_made() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  tickets record;
BEGIN
  SELECT count(*) AS size, min(number) AS first, max(number) AS last INTO tickets
    FROM raffle_ticket WHERE purchase_id = NEW.id;
  IF tickets.size <> NEW.quantity OR tickets.first <> NEW.first_number
     OR tickets.last <> NEW.first_number + NEW.quantity - 1 THEN
    PERFORM raffle_refuse('purchase_is_whole', 'a purchase comes with all its tickets');
  END IF;
  RETURN NULL;
END $$;

-- 5. Voids, the seal and the draw --------------------------------------------------------------------

CREATE FUNCTION raffle_lock(raffle bigint) RETURNS raffle_raffle LANGUAGE sql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
  SELECT * FROM raffle_raffle WHERE id = raffle FOR NO KEY UPDATE
$$;

CREATE FUNCTION raffle_ticket_voided() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  raffle raffle_raffle := raffle_lock(NEW.raffle_id);
BEGIN
  IF raffle.status <> 'OPEN' THEN
    PERFORM raffle_refuse('void_only_while_open', 'the list of tickets is closed');
  END IF;
  IF raffle.two_people AND NOT EXISTS (
       SELECT FROM raffle_proposal WHERE raffle_id = NEW.raffle_id AND act = 'void'
       AND ticket_id = NEW.ticket_id AND proposed_by_id = NEW.voided_by_id
       AND NEW.confirmed_by_id <> NEW.voided_by_id) THEN
    PERFORM raffle_refuse('void_needs_two_people', 'one asks for a void, another one confirms it');
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION raffle_sealed() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  raffle raffle_raffle := raffle_lock(NEW.raffle_id);
  valid bigint;
  reconciled jsonb;
  picks bigint;
  place int;
BEGIN
  SELECT line::jsonb INTO reconciled FROM raffle_ledgerentry
    WHERE raffle_id = NEW.raffle_id AND kind = 'reconciled' ORDER BY seq LIMIT 1;
  IF raffle.status <> 'CLOSED' OR reconciled IS NULL
     OR reconciled ->> 'manifest' IS DISTINCT FROM NEW.manifest THEN
    PERFORM raffle_refuse('seal_only_when_reconciled',
                          'close the raffle and confirm its figures first');
  END IF;
  SELECT count(*) INTO valid FROM raffle_ticket t
    WHERE raffle_id = NEW.raffle_id
      AND NOT EXISTS (SELECT FROM raffle_void v WHERE v.ticket_id = t.id);
  IF valid <> NEW.entries OR NEW.method <> raffle.method THEN
    PERFORM raffle_refuse('seal_is_of_all_valid_tickets', 'every valid ticket takes part');
  END IF;
  IF (raffle.two_people OR NEW.method = 'manual') AND NOT EXISTS (
       SELECT FROM raffle_proposal WHERE raffle_id = NEW.raffle_id AND act = 'draw'
       AND proposed_by_id = NEW.sealed_by_id AND NEW.confirmed_by_id <> NEW.sealed_by_id) THEN
    PERFORM raffle_refuse('seal_needs_two_people', 'one asks for the draw, another one confirms it');
  END IF;
  picks := cardinality(raffle.prizes) + raffle.alternates;
  IF raffle.one_prize_each THEN
    picks := (picks - 1) * raffle.ticket_limit + 1;
  END IF;
  IF NEW.method = 'manual' THEN
    picks := 0;
  END IF;
  IF cardinality(NEW.offsets) <> least(valid, picks) THEN
    PERFORM raffle_refuse('seal_has_an_offset_a_pick', 'as many offsets as there are picks');
  END IF;
  FOR place IN 1 .. cardinality(NEW.offsets) LOOP
    IF NEW.offsets[place] BETWEEN 0 AND valid - place IS NOT TRUE THEN
      PERFORM raffle_refuse('seal_offsets_are_in_range', 'an offset is one of the tickets left');
    END IF;
  END LOOP;
  RETURN NEW;
END $$;

-- At COMMIT: a seal that came into the world less than a minute before its round might have been
-- made knowing it.
CREATE FUNCTION raffle_sealed_in_time() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.round_at < clock_timestamp() + interval '60 seconds' THEN
    PERFORM raffle_refuse('seal_comes_before_its_round', 'the round is out, or nearly');
  END IF;
  RETURN NULL;
END $$;

CREATE FUNCTION raffle_winner_drawn() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  raffle raffle_raffle := raffle_lock(NEW.raffle_id);
  seal raffle_seal;
  taken int[];
  place int;
  low int;
  high int;
  middle int;
BEGIN
  SELECT * INTO seal FROM raffle_seal WHERE raffle_id = NEW.raffle_id;
  IF raffle.status <> 'CLOSED' OR seal.raffle_id IS NULL THEN
    PERFORM raffle_refuse('draw_only_when_sealed', 'the raffle is not sealed');
  END IF;
  IF clock_timestamp() < seal.round_at OR (seal.method = 'beacon') <> (NEW.signature <> '') THEN
    PERFORM raffle_refuse('draw_waits_for_its_round', 'the beacon has not spoken yet');
  END IF;
  IF seal.method = 'local' AND NEW.picked <> seal.offsets
     OR seal.method = 'beacon' AND cardinality(NEW.picked) <> cardinality(seal.offsets)
     OR seal.method = 'manual' AND NEW.order IS DISTINCT FROM (
       SELECT numbers FROM raffle_proposal WHERE raffle_id = NEW.raffle_id AND act = 'draw'
       AND proposed_by_id = seal.sealed_by_id ORDER BY ledger_seq DESC LIMIT 1) THEN
    PERFORM raffle_refuse('draw_picks_what_was_sealed', 'the picks are not those of the seal');
  END IF;
  IF (SELECT number FROM raffle_ticket WHERE id = NEW.ticket_id) IS DISTINCT FROM NEW.order[1] THEN
    PERFORM raffle_refuse('draw_winner_is_the_first', 'the winner is the first of the order');
  END IF;
  -- The numbers that cannot be picked any more, sorted: taken[i] - i free ones lie below the i-th.
  SELECT coalesce(array_agg(number ORDER BY number), '{}') INTO taken
    FROM raffle_void v JOIN raffle_ticket t ON t.id = v.ticket_id
    WHERE v.raffle_id = NEW.raffle_id;
  FOR place IN 1 .. cardinality(NEW.picked) LOOP
    low := 0;
    high := cardinality(taken);
    WHILE low < high LOOP
      middle := (low + high + 1) / 2;
      IF taken[middle] - middle <= NEW.picked[place] THEN
        low := middle;
      ELSE
        high := middle - 1;
      END IF;
    END LOOP;
    IF NEW.picked[place] BETWEEN 0 AND NEW.entries - place IS NOT TRUE
       OR NEW.order[place] IS DISTINCT FROM NEW.picked[place] + 1 + low THEN
      PERFORM raffle_refuse('draw_is_of_the_picked_tickets',
                            'each is the picked one of the valid tickets left, by number');
    END IF;
    taken := taken[:low] || NEW.order[place] || taken[low + 1:];
  END LOOP;
  RETURN NEW;
END $$;

CREATE FUNCTION raffle_prize_awarded() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  raffle raffle_raffle := raffle_lock(NEW.raffle_id);
  draw raffle_draw;
  winner raffle_ticket;
BEGIN
  SELECT * INTO draw FROM raffle_draw WHERE raffle_id = NEW.raffle_id;
  SELECT * INTO winner FROM raffle_ticket WHERE id = NEW.ticket_id;
  IF draw.order[NEW.place] IS DISTINCT FROM winner.number
     OR NEW.prize NOT BETWEEN 1 AND cardinality(raffle.prizes)
     OR NEW.prize > 1 + (SELECT coalesce(max(prize), 0) FROM raffle_award
                         WHERE raffle_id = NEW.raffle_id)
     OR NEW.place <= (SELECT coalesce(max(place), 0) FROM raffle_award
                      WHERE raffle_id = NEW.raffle_id) THEN
    PERFORM raffle_refuse('award_goes_along_the_order', 'prizes go along the order of the draw');
  END IF;
  IF EXISTS (SELECT FROM raffle_award a WHERE a.raffle_id = NEW.raffle_id AND a.prize = NEW.prize
             AND NOT EXISTS (SELECT FROM raffle_forfeit f WHERE f.award_id = a.id)) THEN
    PERFORM raffle_refuse('award_once_unless_forfeited', 'somebody has this prize');
  END IF;
  -- Whoever is passed over on the way has been given a prize before, if that is a reason at all.
  IF EXISTS (
    SELECT FROM generate_series(1 + (SELECT coalesce(max(place), 0) FROM raffle_award
                                     WHERE raffle_id = NEW.raffle_id), NEW.place) AS at
    JOIN raffle_ticket t ON t.raffle_id = NEW.raffle_id AND t.number = draw.order[at]
    WHERE (at < NEW.place) <> (raffle.one_prize_each AND EXISTS (
      SELECT FROM raffle_award a JOIN raffle_ticket w ON w.id = a.ticket_id
      WHERE a.raffle_id = NEW.raffle_id AND w.buyer_id = t.buyer_id))
  ) THEN
    PERFORM raffle_refuse('award_passes_nobody_over', 'it is the next in line who wins');
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION raffle_prize_settled() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  award raffle_award;
  code text;
BEGIN
  PERFORM raffle_lock(NEW.raffle_id);
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM raffle_refuse('prize_settled_once', 'an older snapshot would miss a claim');
  END IF;
  SELECT * INTO award FROM raffle_award WHERE id = NEW.award_id;
  SELECT t.code INTO code FROM raffle_ticket t WHERE t.id = award.ticket_id;
  IF EXISTS (SELECT FROM raffle_claim WHERE award_id = NEW.award_id)
     OR EXISTS (SELECT FROM raffle_forfeit WHERE award_id = NEW.award_id) THEN
    PERFORM raffle_refuse('prize_settled_once', 'this prize was claimed or forfeited already');
  END IF;
  IF NEW.code <> code AND (TG_TABLE_NAME = 'raffle_claim' OR NEW.code <> '') THEN
    PERFORM raffle_refuse('prize_code_is_the_tickets', 'that is not the code of the ticket');
  END IF;
  IF TG_TABLE_NAME = 'raffle_claim' AND clock_timestamp() > award.claim_by + interval '1 minute' THEN
    PERFORM raffle_refuse('claim_in_time', 'the time to claim is over');
  END IF;
  IF TG_TABLE_NAME = 'raffle_forfeit' AND NEW.code = '' AND clock_timestamp() <= award.claim_by THEN
    PERFORM raffle_refuse('forfeit_not_too_early', 'the winner still has time');
  END IF;
  RETURN NEW;
END $$;

-- 6. The ledger: a chain -------------------------------------------------------------------------------

CREATE FUNCTION raffle_ledger_continued() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM added a
    CROSS JOIN LATERAL (SELECT a.line::jsonb AS says OFFSET 0) AS parsed  -- parsed once
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
       OR a.at < earlier.at
       OR earlier.kind = 'cancelled'
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
CREATE TRIGGER raffle_sealed BEFORE INSERT ON raffle_seal
  FOR EACH ROW EXECUTE FUNCTION raffle_sealed();
CREATE CONSTRAINT TRIGGER raffle_sealed_in_time AFTER INSERT ON raffle_seal
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION raffle_sealed_in_time();
CREATE TRIGGER raffle_winner_drawn BEFORE INSERT ON raffle_draw
  FOR EACH ROW EXECUTE FUNCTION raffle_winner_drawn();
CREATE TRIGGER raffle_prize_awarded BEFORE INSERT ON raffle_award
  FOR EACH ROW EXECUTE FUNCTION raffle_prize_awarded();
CREATE TRIGGER raffle_prize_claimed BEFORE INSERT ON raffle_claim
  FOR EACH ROW EXECUTE FUNCTION raffle_prize_settled();
CREATE TRIGGER raffle_prize_forfeited BEFORE INSERT ON raffle_forfeit
  FOR EACH ROW EXECUTE FUNCTION raffle_prize_settled();
CREATE TRIGGER raffle_ledger_continued AFTER INSERT ON raffle_ledgerentry
  REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION raffle_ledger_continued();

DO $$
DECLARE
  noun text;
  guard record;
BEGIN
  FOREACH noun IN ARRAY ARRAY['ticket', 'purchase', 'void', 'proposal', 'seal', 'draw', 'award',
                              'claim', 'forfeit', 'ledgerentry'] LOOP
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
