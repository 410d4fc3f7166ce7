-- Which lists are not in service, in one look: a switch between two looks would show a list whose
-- old version is gone and whose new one is not known yet.
--
-- KEYS  1 versions of the lists served
-- ARGV  names of the lists that must be there
-- Reply: name, version named for it ("" = none), name, version, ... of those that are not there.

local missing = {}
for _, name in ipairs(ARGV) do
  local version = redis.call('HGET', KEYS[1], name) or ''
  if redis.call('EXISTS', KEYS[1] .. ':' .. name .. ':' .. version) == 0 then
    missing[#missing + 1] = name
    missing[#missing + 1] = version
  end
end
return missing
