import TestSupport
import Testing

@Suite("The counter producer", .onTestThreads)
struct CounterProducerTests {
    @Test("counts from 1 to 10, one event each, and marks the end")
    func defaults() throws {
        try withShippedPlugin("counter") { server in
            let subscriber = try server.subscribe("/counter")
            let events = try subscriber.rest().filter { $0.data != nil || $0.id != nil }
            let ids: [String?] = (1...10).map { "\($0)" }
            let data: [String?] = (1...10).map { #"{"n":\#($0)}"# }
            #expect(events.map(\.data) == data)
            #expect(events.map(\.id) == ids)
            #expect(events.allSatisfy { $0.type == nil })
            #expect(subscriber.endMark == TestEvent(frame: "event: sluice-end\nid: sluice-end\ndata:"))
            try server.waitForLog("stream closed", ["producer": "counter", "reason": "completed"])
        }
    }

    @Test(
        "counts in steps, up and down, to the largest and smallest numbers",
        arguments: [
            ("from=1&to=10&step=4", ["1", "5", "9"]),
            ("from=5&to=1&step=-2", ["5", "3", "1"]),
            ("from=7&to=7", ["7"]),
            ("from=7&to=7&step=-1", ["7"]),
            (
                "from=9223372036854775806&to=9223372036854775807",
                ["9223372036854775806", "9223372036854775807"]
            ),
            (
                "from=-9223372036854775808&to=9223372036854775807&step=9223372036854775807",
                ["-9223372036854775808", "-1", "9223372036854775806"]
            ),
            (
                "from=9223372036854775807&to=-9223372036854775808&step=-9223372036854775808",
                ["9223372036854775807", "-1"]
            ),
        ])
    func steps(_ query: String, _ numbers: [String]) throws {
        try withShippedPlugin("counter") { server in
            let events = try server.subscribe("/counter?interval=0&\(query)").rest().filter { $0.data != nil }
            #expect(events.map(\.id) == numbers)
            #expect(events.map(\.data) == numbers.map { #"{"n":\#($0)}"# })
        }
    }

    @Test("names its events on request, and waits between them")
    func names() throws {
        try withShippedPlugin("counter") { server in
            let start = ContinuousClock.now
            let subscriber = try server.subscribe("/counter?to=3&interval=0.1&name=t%C3%AFck%20%26%20co")
            let events = try subscriber.rest().filter { $0.data != nil }
            #expect(events.map(\.type) == ["tïck & co", "tïck & co", "tïck & co"])
            #expect(ContinuousClock.now - start >= .milliseconds(200))
        }
    }

    @Test("resumes exactly after the last id of a subscriber, until there is nothing more: 204")
    func resuming() throws {
        try withShippedPlugin("counter") { server in
            var seen: [String] = []
            var id: String?
            while true {
                let target = "/counter?from=-5&to=16&step=3&interval=0.001"
                if let id, try server.refusal(of: target, lastEventID: id).status == 204 { break }
                let subscriber = try server.subscribe(target, headers: id.map { [("Last-Event-ID", $0)] } ?? [])
                for _ in 0..<(seen.count < 6 ? 3 : 2) { seen.append(try subscriber.nextEvent().id ?? "") }
                subscriber.client.reset()
                id = seen.last
                try #require(seen.count < 20, "\(seen)")
            }
            let all = stride(from: -5, through: 16, by: 3).map { "\($0)" }
            #expect(seen == all)
            try server.expectRefusal(204, of: "/counter?last_event_id=10")
            try server.expectRefusal(204, of: "/counter", lastEventID: "sluice-end")
        }
    }

    @Test("has nothing to send when there is nothing to count: 204")
    func nothing() throws {
        try withShippedPlugin("counter") { server in
            for query in ["from=2&to=1", "from=1&to=2&step=-1"] {
                try server.expectRefusal(204, of: "/counter?\(query)")
            }
        }
    }

    @Test("rejects ids that are not in its count")
    func badIDs() throws {
        try withShippedPlugin("counter") { server in
            let ids = ["0", "11", "-1", "x", "1x", "01", "+1", "1.0", "0x1", "99999999999999999999"]
            for id in ids {
                let response = try server.refusal(of: "/counter", lastEventID: id)
                #expect(response.status == 400, "\(id)")
                #expect(response.body.contains("Last-Event-ID"), "\(id): \(response.body)")
            }
            try server.expectRefusal(400, of: "/counter?step=2", lastEventID: "2")
        }
    }

    @Test("rejects invalid parameters")
    func badParameters() throws {
        try withShippedPlugin("counter") { server in
            let long = String(repeating: "n", count: 65)
            for query in [
                "step=0", "from=x", "to=9223372036854775808", "interval=-1", "interval=nan", "interval=0.0005",
                "interval=86401", "name=a%0Ab", "name=a%0Db", "name=a%00b", "name=\(long)",
            ] {
                let response = try server.refusal(of: "/counter?\(query)")
                #expect(response.status == 400, "\(query)")
                #expect(response.body.contains(query.prefix { $0 != "=" }), "\(query): \(response.body)")
            }
        }
    }

    @Test("loses and repeats nothing when it counts as fast as the subscriber reads")
    func fast() throws {
        try withShippedPlugin("counter") { server in
            let subscriber = try server.subscribe("/counter?to=100000&interval=0", receiveBufferBytes: 8192)
            let ids = try subscriber.rest(within: .seconds(60)).compactMap { $0.data == nil ? nil : $0.id }
            #expect(ids.count == 100_000)
            #expect(zip(ids, 1...).allSatisfy { $0 == String($1) })
        }
    }
}
