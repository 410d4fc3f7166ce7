-- wrk -s shop.lua URL -- USERS ITEMS SEED: each request asks for five items for a random visitor.
-- With PAUSE_MS in the environment, each connection waits before each request, that long on average.
-- Prints the results as one line of JSON.

local users
local pause = tonumber(os.getenv('PAUSE_MS') or '')

function init(args)
  users = tonumber(args[1])
  math.randomseed(tonumber(args[3]))
end

if pause then
  function delay()
    return math.floor(-pause * math.log(1 - math.random()) + 0.5)
  end
end

function request()
  local user = math.random(0, users - 1)
  return string.format(
    'POST /recommendations?user_id=%d&k=5 HTTP/1.1\r\nHost: %s:%s\r\nContent-Length: 0\r\n\r\n',
    user, wrk.host, wrk.port
  )
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.3f, "p99": %.3f, "refused": %d, "failed": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout
  ))
end
