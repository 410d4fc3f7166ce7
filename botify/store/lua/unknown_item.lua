-- Which of these is not in the catalog that is served: a list with the first one; nil for none.
--
-- KEYS  1 versions of the lists served
-- ARGV  items

local version = redis.call('HGET', KEYS[1], 'items') or ''
local catalog = KEYS[1] .. ':items:' .. version
for _, item in ipairs(ARGV) do
  if redis.call('HEXISTS', catalog, item) == 0 then
    return { item }
  end
end
return nil
