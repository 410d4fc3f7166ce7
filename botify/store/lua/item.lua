-- An item of the catalog that is served, as JSON; nil if there is none.
--
-- KEYS  1 versions of the lists served
-- ARGV  1 the item

local version = redis.call('HGET', KEYS[1], 'items') or ''
return redis.call('HGET', KEYS[1] .. ':items:' .. version, ARGV[1])
