-- The peer: the same job in Lua inside nginx, as one would write it with
-- lua-nginx-module: read the body, decode it, check it, take twenty fields,
-- queue an XADD, answer; a timer sends what is queued in batches.  Events
-- wait in a bounded table and are lost with the worker.

local decode = require("cjson.safe").decode
local port = tonumber(os.getenv("REDIS_PORT"))
local STREAM = "rum:{0}:events"
local LIMIT, BATCH = 100000, 256

local _M = {}
local queue, n, scheduled = {}, 0, false

local TEXTS = { "session", "view", "n", "from", "nav", "network" }
local METRICS = { "dns", "tcp", "tls", "ttfb", "dom_content_loaded", "load",
                  "fcp", "lcp", "cls", "inp", "tbt" }


local function bulk(out, k, s)
    s = tostring(s or "")
    out[k + 1] = "$"
    out[k + 2] = #s
    out[k + 3] = "\r\n"
    out[k + 4] = s
    out[k + 5] = "\r\n"
    return k + 5
end


local head = table.concat({ "*46\r\n$4\r\nXADD\r\n$", #STREAM, "\r\n", STREAM,
    "\r\n$6\r\nMAXLEN\r\n$1\r\n~\r\n$7\r\n1000000\r\n$1\r\n*\r\n" })


local function command(beacon, country)
    local out, k = { head }, 1
    local metrics = beacon.metrics or {}

    k = bulk(out, k, "t")
    k = bulk(out, k, string.format("%d", ngx.now() * 1000))
    k = bulk(out, k, "page")
    k = bulk(out, k, beacon.page)
    k = bulk(out, k, "country")
    k = bulk(out, k, country)

    for _, name in ipairs(TEXTS) do
        k = bulk(out, k, name)
        k = bulk(out, k, beacon[name])
    end

    for _, name in ipairs(METRICS) do
        k = bulk(out, k, name)
        k = bulk(out, k, metrics[name])
    end

    return table.concat(out, "", 1, k)
end


local function send(batch, count)
    local sock = ngx.socket.tcp()

    sock:settimeout(2000)

    if not sock:connect("127.0.0.1", port) then
        return
    end

    -- an ECHO behind each batch marks the end of its replies

    for i = 1, count, BATCH do
        local last = math.min(i + BATCH - 1, count)

        if not sock:send(table.concat(batch, "", i, last)
                         .. "*2\r\n$4\r\nECHO\r\n$5\r\n@done\r\n")
           or not sock:receiveuntil("@done\r\n")()
        then
            return
        end
    end

    sock:setkeepalive(60000, 4)
end


local function flush()
    scheduled = false

    while n > 0 do
        local batch, count = queue, n
        queue, n = {}, 0
        send(batch, count)
    end
end


function _M.start()
    ngx.timer.every(0.05, flush)
end


function _M.beacon()
    ngx.req.read_body()

    local body = ngx.req.get_body_data()
    local beacon = body and decode(body)

    if type(beacon) ~= "table" or beacon.v ~= 1
       or type(beacon.page) ~= "string"
    then
        return ngx.exit(400)
    end

    if n < LIMIT then
        n = n + 1
        queue[n] = command(beacon, ngx.var.country)

        if n >= BATCH and not scheduled then
            scheduled = true
            ngx.timer.at(0, flush)
        end
    end

    return ngx.exit(204)
end


return _M
