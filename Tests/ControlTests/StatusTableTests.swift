import Testing

@testable import Control

@Suite("The table of sluice status")
struct StatusTableTests {
    private func table(of json: String) throws -> String {
        StatusTable(try ControlClient.decoded(ServerStatus.self, from: Array(json.utf8))).text
    }

    @Test("has a row for each generation, and shows what holds draining ones")
    func table() throws {
        let json = """
            {"ok":true,"version":"0.1.0","pid":7,"address":"127.0.0.1:8080","directory":"./plugins","uptime_seconds":11520.5,
             "reloads":2,"is_reloading":true,"open_streams":12,"stuck_streams":1,"threads":3,"refused_requests":4,"connections":5,"kept_request_bytes":7168,
             "images":3,"image_bytes":73728,"generations":[
              {"plugin":"hello","generation":2,"state":"serving","age_seconds":75,"image_bytes":24576,"open_streams":11,
               "trial":{"failures":1,"failures_max":3,"seconds_left":7.25},"subscribers":11,"oldest_stream_seconds":60,"producers":[{"route":"/hello"},{"route":"/hallo"}],"holders":[]},
              {"plugin":"hello","generation":1,"state":"draining","age_seconds":11520,"image_bytes":24576,"open_streams":1,
               "trial":null,"held_for_generation":2,"subscribers":null,"oldest_stream_seconds":null,"producers":[{"route":"/hello"}],
               "holders":[{"stream":"1a","producer":"hello","shared":false,"peer":"127.0.0.1:5","age_seconds":7200},
                {"stream":"1b","producer":"hello","shared":false,"peer":null,"age_seconds":10},
                {"stream":"1c","producer":"hello","shared":true,"peer":null,"age_seconds":9}]}],
             "refusals":[{"at":0,"error":"x.so: no\\u001b[2J; mend it"}]}
            """
        let text = try table(of: json)
        #expect(
            text == """
                sluice 0.1.0, process 7, up 3h 12m, http://127.0.0.1:8080, plugins in ./plugins
                streams 12 (1 stuck), threads 3, connections 5, refused requests 4, kept for reloads 7k; reloads 2; a reload runs; images 3, 72k

                PLUGIN  GENERATION  STATE     AGE     STREAMS  SUBSCRIBERS  OLDEST  IMAGE  ROUTES
                hello   2           serving   1m 15s  11       11           1m      24k    /hello /hallo
                hello   1           draining  3h 12m  1        ?            -       24k    /hello

                on trial, and rolled back if their streams fail
                  hello 2  1 of 3 failures  7s left

                draining generations are held by
                  hello 1  the trial of generation 2
                  hello 1  stream 1a                  hello  127.0.0.1:5              2h
                  hello 1  stream 1b                  hello  its subscriber has left  10s
                  hello 1  stream 1c                  hello  shared                   9s

                latest refusals
                  1970-01-01T00:00:00Z  x.so: no\\u001b[2J; mend it

                """)
    }

    @Test("is printed even if nearly everything is missing in the answer")
    func sparse() throws {
        let text = try table(of: "{}")
        #expect(text.hasPrefix("sluice ?, process 0, up -") && text.contains("PLUGIN"))
    }

    @Test("ignores members and states that only newer servers know")
    func newer() throws {
        let text = try table(
            of: #"{"pid":7,"weather":{"wind":[1,null]},"generations":[{"plugin":"p","state":"frozen","mood":"good"}]}"#)
        #expect(text.contains("process 7") && text.contains("p       0           frozen"), "\(text)")
    }

    @Test(
        "ages have their two largest units",
        arguments: [
            (0.05, "50ms"), (1, "1s"), (59.9, "59s"), (60, "1m"), (61, "1m 1s"), (3600, "1h"), (3605, "1h"),
            (90061, "1d 1h"),
            (-1, "-"), (.infinity, "-"),
        ] as [(Double, String)])
    func ages(seconds: Double, text: String) {
        #expect(StatusTable.age(seconds) == text)
    }
}
