-- The picture of a raffle is what its buyers were shown: it is fixed from the first sale on. The
-- raffle's row is locked, so that no sale slips in between the look and the change.

CREATE FUNCTION raffle_picture_fixed() RETURNS trigger LANGUAGE plpgsql
SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
  of_raffle bigint;
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    PERFORM raffle_refuse('picture_sees_all_sales', 'an older snapshot would miss a sale');
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.raffle_id <> OLD.raffle_id THEN
    PERFORM raffle_refuse('picture_stays_with_its_raffle', 'a picture stays with its raffle');
  END IF;
  of_raffle := CASE WHEN TG_OP = 'DELETE' THEN OLD.raffle_id ELSE NEW.raffle_id END;
  PERFORM 1 FROM raffle_raffle WHERE id = of_raffle FOR NO KEY UPDATE;
  PERFORM 1 FROM raffle_ticket WHERE raffle_id = of_raffle LIMIT 1;
  IF FOUND THEN
    PERFORM raffle_refuse('picture_is_fixed', 'a ticket is sold: the picture stays as it is');
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER picture_fixed BEFORE INSERT OR UPDATE OR DELETE ON raffle_picture
  FOR EACH ROW EXECUTE FUNCTION raffle_picture_fixed();
CREATE TRIGGER picture_never_truncated BEFORE TRUNCATE ON raffle_picture
  FOR EACH STATEMENT EXECUTE FUNCTION raffle_append_only();
ALTER TABLE raffle_picture ENABLE ALWAYS TRIGGER picture_fixed;
ALTER TABLE raffle_picture ENABLE ALWAYS TRIGGER picture_never_truncated;
