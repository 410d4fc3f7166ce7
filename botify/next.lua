-- One request for the next track, atomically: mark the played track seen, take the first step of
-- the plan that has a track to offer, mark the offered track seen, keep the session alive.
--
-- KEYS  1 seen tracks of the user's session (set)
--       2 the user's session (hash: id, at = ms of the user's latest event, n = tracks answered)
--       3 versions of the lists served (hash: list name -> version); a list itself is the hash
--         KEYS[3]:name:version, found here so that switching a version is atomic
-- ARGV  1 user, 2 track played, 3 session lifetime in s, 4 tracks in the catalog,
--       5 and 6 random numbers in [0, 1), or "seed" and a seed: then they are a function of the
--         seed, the user, and how many tracks this user was answered so far; then steps of four:
--         source   "list": a stored list; "tracks": the packed tracks given; "catalog": all tracks
--         name     the list's name, else ""
--         key      the key in the list, or the packed tracks, else ""
--         pick     "first": first unseen; "unseen": uniform over unseen; "any": uniform over all
--       The last step must be "catalog", which always answers.
-- Reply: session id, ms since the epoch, step that answered (from 1), track, place in the list
--        (from 0; -1 = none), number of tracks it was drawn from, version of the first step's list.
--
-- Packed tracks are consecutive little-endian uint32.

local user, played = ARGV[1], ARGV[2]
local n_tracks = tonumber(ARGV[4])

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[2], 'id', 'at', 'n')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Strictly later than the user's previous event, whichever worker or host handled it.
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end
local id = session[1] or string.format('%s-%.0f', user, at)

local random = { tonumber(ARGV[5]), tonumber(ARGV[6]) }
if ARGV[5] == 'seed' then
  local hash = redis.sha1hex(ARGV[6] .. ':' .. user .. ':' .. (session[3] or '0'))
  random = { tonumber(hash:sub(1, 8), 16) / 2 ^ 32, tonumber(hash:sub(9, 16), 16) / 2 ^ 32 }
end

local seen, n_seen = { [tonumber(played)] = true }, 1
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local track = tonumber(member)
  if not seen[track] then
    seen[track], n_seen = true, n_seen + 1
  end
end

local function draw(i, count) return math.min(math.floor(random[i] * count), count - 1) end

local function version_of(name) return redis.call('HGET', KEYS[3], name) or '' end

local function from_packed(packed, pick)
  local count = #packed / 4
  if count == 0 then return nil end
  if pick == 'any' then
    local place = draw(1, count)
    return struct.unpack('<I4', packed, place * 4 + 1), place, count
  end
  local unseen, places = {}, {}
  for place = 0, count - 1 do
    local track = struct.unpack('<I4', packed, place * 4 + 1)
    if not seen[track] then
      if pick == 'first' then return track, place, 1 end
      unseen[#unseen + 1], places[#places + 1] = track, place
    end
  end
  if #unseen == 0 then return nil end
  local i = draw(1, #unseen) + 1
  return unseen[i], places[i], #unseen
end

local function from_catalog()
  local track = draw(1, n_tracks)
  if n_seen >= n_tracks then return track, -1, n_tracks end
  if seen[track] then
    -- Rare: number the unseen tracks in order and draw one of them; as uniform as a redraw.
    local sorted = {}
    for seen_track in pairs(seen) do sorted[#sorted + 1] = seen_track end
    table.sort(sorted)
    track = draw(2, n_tracks - n_seen)
    for _, seen_track in ipairs(sorted) do
      if seen_track <= track then track = track + 1 end
    end
  end
  return track, -1, n_tracks - n_seen
end

local step, track, place, count = 0, nil, nil, nil
for first = 7, #ARGV, 4 do
  local source, name, key, pick = ARGV[first], ARGV[first + 1], ARGV[first + 2], ARGV[first + 3]
  step = step + 1
  if source == 'catalog' then
    track, place, count = from_catalog()
  elseif source == 'tracks' then
    track, place, count = from_packed(key, pick)
    place = -1 -- tracks given for the occasion have no ranks
  else
    local list = KEYS[3] .. ':' .. name .. ':' .. version_of(name)
    track, place, count = from_packed(redis.call('HGET', list, key) or '', pick)
  end
  if track then break end
end

redis.call('SADD', KEYS[1], played, track)
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('HSET', KEYS[2], 'id', id, 'at', string.format('%.0f', at), 'n', (session[3] or 0) + 1)
redis.call('EXPIRE', KEYS[2], ARGV[3])
local version = ARGV[7] == 'list' and version_of(ARGV[8]) or ''
return { id, at, step, track, place, count, version }
