-- The load for wrk: beacons as a browser sends them, headers and all, one
-- after the other from the file in BEACONS, to the path in BEACON_PATH.

local requests, n, i = {}, 0, 0

function init(args)
    for line in io.lines(os.getenv("BEACONS")) do
        local address, agent, platform, mobile, body =
            line:match("^([^\t]+)\t([^\t]+)\t([^\t]+)\t([^\t]+)\t(.*)$")
        local headers = {
            ["Content-Type"] = "text/plain;charset=UTF-8",
            ["User-Agent"] = agent,
            ["X-Forwarded-For"] = address,
            ["Accept"] = "*/*",
            ["Accept-Encoding"] = "gzip, deflate, br, zstd",
            ["Accept-Language"] = "en-US,en;q=0.9",
            ["Origin"] = "https://shop.example.com",
            ["Referer"] = "https://shop.example.com/",
            ["Sec-Fetch-Dest"] = "empty",
            ["Sec-Fetch-Mode"] = "no-cors",
            ["Sec-Fetch-Site"] = "same-site",
        }
        if platform ~= "-" then
            headers["sec-ch-ua"] = '"Chromium";v="143", '
                .. '"Google Chrome";v="143", "Not-A.Brand";v="99"'
            headers["sec-ch-ua-mobile"] = mobile
            headers["sec-ch-ua-platform"] = platform
        end
        n = n + 1
        requests[n] = wrk.format("POST", os.getenv("BEACON_PATH"), headers,
                                 body)
    end
end

function request()
    i = i % n + 1
    return requests[i]
end

function done(summary, latency, rates)
    local e = summary.errors
    io.write(string.format("\nRESULT %d %d %d %d %d\n", summary.requests,
             summary.duration, e.status,
             e.connect + e.read + e.write + e.timeout,
             latency:percentile(99)))
end
