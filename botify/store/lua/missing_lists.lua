-- Which lists are not in service. One script, so that no list is switched between two reads: its
-- old version would be gone, and its new one not known yet.
--
-- KEYS  1 versions of the lists served
-- ARGV  names of the lists that must be there
-- Reply: name, version recorded for it ("" = none), name, version, ... of the missing lists.

local missing = {}
for _, name in ipairs(ARGV) do
  local version = redis.call('HGET', KEYS[1], name) or ''
  if redis.call('EXISTS', KEYS[1] .. ':' .. name .. ':' .. version) == 0 then
    missing[#missing + 1] = name
    missing[#missing + 1] = version
  end
end
return missing
