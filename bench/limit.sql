-- What a purchase is for PostgreSQL, and nothing else: the site's own transaction in one call. The
-- lock, the look, the line in the ledger, purchase and ticket, on the site's own tables with all
-- their constraints and triggers. Sells one ticket each to `many` people from `first_buyer` on.
-- `inner_pad` and `outer_pad`: the two halves of the raffle's key (HMAC) for its pseudonyms.

CREATE FUNCTION bench_buy(
  which bigint, first_buyer bigint, many int, inner_pad bytea, outer_pad bytea
) RETURNS int LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
  raffle raffle_raffle;
  moment timestamptz;
  told text;
  sold int;
  line_number int;
  head text;
  buyers bigint[] := ARRAY(SELECT generate_series(first_buyer, first_buyer + many - 1));
  held int[];
  lines text[] := '{}';
  hashes text[] := '{}';
  codes text[] := '{}';
  ids uuid[] := '{}';
  secret text;
  place int;
BEGIN
  PERFORM FROM raffle_raffle WHERE id = which FOR NO KEY UPDATE;
  SELECT * INTO raffle FROM raffle_raffle WHERE id = which;
  SELECT coalesce(max(number), 0) INTO sold FROM raffle_ticket WHERE raffle_id = which;
  SELECT seq, hash, greatest(clock_timestamp(), at) INTO line_number, head, moment
    FROM raffle_ledgerentry WHERE raffle_id = which ORDER BY seq DESC LIMIT 1;
  held := ARRAY(SELECT coalesce((SELECT max(slot) FROM raffle_ticket
                                 WHERE raffle_id = which AND buyer_id = buyer), 0)
                FROM unnest(buyers) WITH ORDINALITY AS asked(buyer, at) ORDER BY at);
  IF raffle.status <> 'OPEN' OR sold + many > raffle.capacity OR EXISTS (
       SELECT FROM unnest(held) AS h WHERE h >= raffle.ticket_limit) OR EXISTS (
       SELECT FROM raffle_purchase WHERE buyer_id = ANY (buyers) AND key = (sold + 1)::text) THEN
    RETURN 0;
  END IF;
  told := to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
  FOR place IN 1 .. many LOOP
    secret := replace(gen_random_uuid()::text, '-', '');
    codes := codes || secret;
    ids := ids || gen_random_uuid();
    lines := lines || format(
      '{"at":"%s","buyer":"%s","kind":"purchase","prev":"%s","raffle":"%s","seq":%s,'
      '"tickets":[{"leaf":"%s","number":%s}]}',
      told,
      left(encode(sha256(outer_pad || sha256(inner_pad || convert_to(buyers[place]::text, 'UTF8'))),
                  'hex'), 32),
      head, raffle.uuid, line_number + place,
      encode(sha256(convert_to(format('ticket/v1|%s|%s|%s', raffle.uuid, sold + place, secret),
                               'UTF8')), 'hex'),
      sold + place);
    head := encode(sha256(convert_to(lines[place], 'UTF8')), 'hex');
    hashes := hashes || head;
  END LOOP;
  INSERT INTO raffle_ledgerentry (raffle_id, seq, kind, at, actor_id, line, hash)
    SELECT which, line_number + at, 'purchase', moment, buyer, line, hash
    FROM unnest(buyers, lines, hashes) WITH ORDINALITY AS made(buyer, line, hash, at);
  INSERT INTO raffle_purchase (id, raffle_id, buyer_id, buyer_is_staff, key, quantity,
                               first_number, unit_price, ledger_seq, purchased_at)
    SELECT id, which, buyer, false, (sold + 1)::text, 1, sold + at, raffle.price,
           line_number + at, moment
    FROM unnest(ids, buyers) WITH ORDINALITY AS made(id, buyer, at);
  INSERT INTO raffle_ticket (raffle_id, purchase_id, buyer_id, number, slot, raffle_capacity,
                             raffle_limit, code)
    SELECT which, id, buyer, sold + at, slot + 1, raffle.capacity, raffle.ticket_limit, code
    FROM unnest(ids, buyers, held, codes) WITH ORDINALITY AS made(id, buyer, slot, code, at);
  RETURN many;
END $$;
