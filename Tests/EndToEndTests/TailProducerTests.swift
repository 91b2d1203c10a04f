import Glibc
import TestSupport
import Testing

@Suite("The tail producer", .onTestThreads)
struct TailProducerTests {
    @Test("sends each line when its newline is written")
    func lines() throws {
        let log = try FollowedLog("before\nhalf a ")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write("line\n")
            #expect(try subscriber.nextEvent().data == "half a line")
            log.write("one\r\n\n two \nthr")
            #expect(try subscriber.nextData(3) == ["one", "", " two "])
            log.write("ee\n")
            let event = try subscriber.nextEvent()
            #expect(event.data == "three")
            #expect(event.type == nil)
        }
    }

    @Test("begins with the first line on request")
    func fromStart() throws {
        let log = try FollowedLog("one\ntwo\nthr")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log, "&from=start")
            #expect(try subscriber.nextData(2) == ["one", "two"])
            log.write("ee\n")
            #expect(try subscriber.nextEvent().data == "three")
        }
    }

    @Test("sends text, whatever the file contains")
    func binary() throws {
        let log = try FollowedLog()
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write([0x61, 0xFF, 0x62, 0xC3, 0x0A])  // a lone byte, an incomplete sequence
            log.write([0xED, 0xA0, 0x80, 0xC0, 0xAF, 0x0A])  // a surrogate, an overlong slash
            log.write([0xF4, 0x90, 0x80, 0x80, 0x00, 0x0A])  // beyond U+10FFFF; NUL is a character
            log.write("z\u{FEFF}ä€😀\n")
            // The raw bytes, because decoding them here would repair them, too.
            let bytes = try subscriber.client.read { $0.suffix(8).elementsEqual("😀\n\n\r\n".utf8) }
            let lines = bytes.split(separator: 0x0A).filter { $0.starts(with: "data: ".utf8) }
            let mark: [UInt8] = [0xEF, 0xBF, 0xBD]
            #expect(
                lines.map { Array($0.dropFirst(6)) } == [
                    [0x61] + mark + [0x62] + mark, mark + mark + mark + mark + mark,
                    mark + mark + mark + mark + [0x00], Array("z\u{FEFF}ä€😀".utf8),
                ])
        }
    }

    @Test("sends the beginning of a long line, and reports how much of it was left out")
    func longLines() throws {
        let log = try FollowedLog()
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            let longest = String(repeating: "x", count: 16384)
            log.write(longest + "\n")
            #expect(try subscriber.nextEvent().data == longest)

            // Cut between two characters, not within one.
            log.write("x" + String(repeating: "é", count: 10000))
            let beginning = try subscriber.nextEvent()
            #expect(beginning.data == "x" + String(repeating: "é", count: 8191))
            #expect(beginning.id?.contains(".") == false)  // the hub's own: only the history can resume from here
            log.write(String(repeating: "y", count: 100_000) + "\nnext\n")
            let mark = try subscriber.nextEvent()
            #expect(mark.type == "truncated")
            #expect(mark.data == #"{"omitted":\#(20001 - 16383 + 100_000)}"#)
            #expect(mark.id != nil)
            #expect(try subscriber.nextEvent().data == "next")
        }
    }

    @Test("resumes exactly after the line whose id a subscriber reconnects with")
    func resuming() throws {
        let log = try FollowedLog("one\ntwo\nthree\n")
        try withTail(of: log) { server in
            let first = try server.follow(log, "&from=start")
            let ids = try (0..<3).map { _ in try first.nextEvent().id ?? "" }
            #expect(Set(ids).count == 3)
            try server.leave(first)
            for (position, rest) in [(0, ["two", "three", "four"]), (1, ["three", "four"]), (2, ["four"])] {
                let again = try server.follow(log, "&from=start", returningWith: ids[position])
                if position == 0 { log.write("four\n") }
                #expect(try again.nextData(rest.count) == rest)
                try server.leave(again)
            }
        }
    }

    @Test("misses nothing when the connection is lost before the first line")
    func resumingFromThePlace() throws {
        let log = try FollowedLog("one\n")
        try withTail(of: log) { server in
            let first = try server.subscribe(log.target)
            var frame = TestEvent(frame: "")
            while frame.id == nil || frame.type == "sluice-open" { frame = TestEvent(frame: try first.nextFrame()) }
            try server.leave(first)
            log.write("two\n")
            let again = try server.follow(log, returningWith: frame.id ?? "")
            #expect(try again.nextEvent().data == "two")
        }
    }

    @Test("restarts a file that was rewritten after the id was sent")
    func resumingInAnotherContent() throws {
        let log = try FollowedLog("one\ntwo\n")
        try withTail(of: log) { server in
            let first = try server.follow(log, "&from=start")
            _ = try first.nextEvent()
            let id = try first.nextEvent().id ?? ""
            try server.leave(first)
            log.truncate()
            log.write("new\n")  // shorter
            let second = try server.follow(log, returningWith: id)
            #expect(try second.nextEvent().data == "new")
            try server.leave(second)
            log.write("and longer\n")  // no line begins at the id's offset
            #expect(try server.follow(log, returningWith: id).nextData(2) == ["new", "and longer"])
        }
    }

    @Test("foreign ids cause a gap; ids that are no position are rejected")
    func badRequests() throws {
        let log = try FollowedLog("one\n")
        try withTail(of: log) { server in
            for id in [
                "x", "1", "1-2", "1.2-", "1.2--3", "01.2-3", "1.2-03", "1.2-3x", "1.2-9999999999999999999", "g.1-1",
            ] {
                let subscriber = try server.follow(log, returningWith: id)
                #expect(try subscriber.nextEvent().type == "sluice-gap", "\(id)")
                subscriber.client.close()
            }
            try server.expectRefusal(400, of: log.target + "&from=middle")
            try server.expectRefusal(400, of: "/tail")
        }
    }

    @Test("ends at once when the subscriber disconnects, and when the server stops, while it waits for a line")
    func interrupted() throws {
        let log = try FollowedLog()
        try withTail(of: log) { server in
            try server.leave(server.follow(log))
            let staying = try server.follow(log)
            server.signal(SIGTERM)
            #expect(try server.waitForExit() == .status(0))
            try server.waitForLog("stream closed", ["producer": "tail", "reason": "shutdown"])
            _ = staying
        }
    }
}
