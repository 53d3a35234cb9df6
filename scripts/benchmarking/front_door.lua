-- What wrk sends: POSTed orders, each under an Idempotency-Key of its own, or GETs of paths in turn.
-- Arguments: "orders" or "paths", the file with one body or path a line, and what the keys begin with.

local prepared, sent = {}, 0

local function order(body, keys)
   local head = "POST /v1/orders HTTP/1.1\r\nHost: " .. wrk.host .. "\r\nContent-Type: application/json\r\n"
   return { head .. "Content-Length: " .. #body .. "\r\nIdempotency-Key: " .. keys, "\r\n\r\n" .. body }
end

local function path(line)
   return "GET " .. line .. " HTTP/1.1\r\nHost: " .. wrk.host .. "\r\n\r\n"
end

function init(arguments)
   for line in io.lines(arguments[2]) do
      prepared[#prepared + 1] = arguments[1] == "orders" and order(line, arguments[3]) or path(line)
   end
end

function request()
   local next = prepared[sent % #prepared + 1]
   sent = sent + 1
   if type(next) == "string" then return next end
   return next[1] .. sent .. next[2]
end

-- One line of JSON; times in microseconds.
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format('\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "statuses": %d, "broken": %d}\n',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
      errors.connect + errors.read + errors.write + errors.timeout))
end
