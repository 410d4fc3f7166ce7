-- What is known of an item: its JSON in the catalog that is served ("" = none), and its changes,
-- names and values in turns.
--
-- KEYS  1 versions of the lists served, 2 prefix of the changes of items
-- ARGV  1 the item

local version = redis.call('HGET', KEYS[1], 'items') or ''
return {
  redis.call('HGET', KEYS[1] .. ':items:' .. version, ARGV[1]) or '',
  redis.call('HGETALL', KEYS[2] .. ARGV[1]),
}
