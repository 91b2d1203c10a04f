import Glibc
import TestSupport
import Testing

@Suite("The tail producer, when its file is rotated", .onTestThreads)
struct TailRotationTests {
    @Test("reads a renamed file to its end, including late writes, then the new one")
    func renamed() throws {
        let log = try FollowedLog("old\n")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write("one\n")
            log.move(to: "a.log.1")
            log.write("two\n")
            #expect(try subscriber.nextData(2) == ["one", "two"])
            // The rotator creates the new file; the logger still writes to the old one.
            let rotator = open(log.path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
            try server.waitForWatch(of: log.path)
            log.write("three\nunfinished")
            #expect(try subscriber.nextEvent().data == "three")
            _ = Glibc.write(rotator, "four\n", 5)
            close(rotator)
            let rest = try subscriber.nextEvent()
            #expect(rest.data == "unfinished")
            #expect(rest.id?.hasSuffix("-0") == true)  // continues with the new file
            #expect(try subscriber.nextEvent().data == "four")
        }
    }

    @Test("follows a new file that is renamed to its name")
    func renamedOver() throws {
        let log = try FollowedLog()
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.create(".new")
            log.write("one\n")
            log.move(".new", to: "a.log")
            #expect(try subscriber.nextEvent().data == "one")
            log.write("two\n")
            #expect(try subscriber.nextEvent().data == "two")
        }
    }

    @Test("restarts when its file is truncated")
    func truncated() throws {
        let log = try FollowedLog("old\n")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write("one\nunfinished")
            #expect(try subscriber.nextEvent().data == "one")
            log.truncate()
            #expect(try subscriber.nextEvent().data == "unfinished")
            log.write("two\n")
            #expect(try subscriber.nextEvent().data == "two")
        }
    }

    @Test("waits for a file that was deleted")
    func deleted() throws {
        let log = try FollowedLog("old\n")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write("one\n")
            log.delete()
            log.write("two\n")
            #expect(try subscriber.nextData(2) == ["one", "two"])
            log.create()
            log.write("three\n")
            #expect(try subscriber.nextEvent().data == "three")
        }
    }

    @Test("stays with its file while something else has the name")
    func replacedByOther() throws {
        let log = try FollowedLog()
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.move(to: "a.log.1")
            try #require(symlink("/etc/passwd", log.path) == 0)
            log.write("one\n")
            #expect(try subscriber.nextEvent().data == "one")
            log.delete()
            try #require(mkfifo(log.path, 0o644) == 0)
            log.write("two\n")
            #expect(try subscriber.nextEvent().data == "two")
            log.delete()
            log.create()
            log.write("three\n")
            #expect(try subscriber.nextEvent().data == "three")
        }
    }

    @Test("fails when its directory is moved or removed, after sending everything", arguments: ["moved", "removed"])
    func directoryGone(how: String) throws {
        let log = try FollowedLog("one\n")
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            log.write("last\n")
            if how == "moved" {
                rename(log.folder, log.folder + ".old")
            } else {
                log.delete()
                rmdir(log.folder)
            }
            #expect(try subscriber.nextEvent().data == "last")
            let event = try subscriber.nextEvent()
            #expect(event.type == "stream-error")
            #expect(event.data?.contains("directory") == true)
            try server.waitForLog("stream closed", ["producer": "tail", "reason": "failed"])
        }
    }

    @Test(
        "sends a reconnecting subscriber the rest of the old file, then the new one; without the old one, only the new"
    )
    func resumed() throws {
        let log = try FollowedLog("one\n")
        try withTail(of: log) { server in
            let first = try server.follow(log, "&from=start")
            let id = try first.nextEvent().id ?? ""
            try server.leave(first)
            log.write("two\n")
            log.move(to: "a.log.1")
            let second = try server.follow(log, returningWith: id)
            #expect(try second.nextEvent().data == "two")  // there is no new one yet
            try server.leave(second)
            log.create()
            log.write("three\n")
            let third = try server.follow(log, returningWith: id)
            #expect(try third.nextData(2) == ["two", "three"])
            try server.leave(third)
            log.delete("a.log.1")
            #expect(try server.follow(log, returningWith: id).nextEvent().data == "three")
        }
    }

    @Test("sends every line once and in order, across rotations at any moment")
    func anyMoment() throws {
        var random = SeededRandom.fromEnvironment(test: "tail across rotations")
        let log = try FollowedLog()
        try withTail(of: log) { server in
            let subscriber = try server.follow(log)
            var written = 0
            var read = 0
            for rotation in 1...60 {
                // Each file is read up to a random position, but at least its first line: a file that nobody has seen
                // is lost.
                let count = Int.random(in: 1...300, using: &random)
                var bytes = (written..<written + count).map { "\($0)\n" }.joined().utf8[...]
                while !bytes.isEmpty {
                    let piece = bytes.prefix(Int.random(in: 1...2000, using: &random))
                    log.write(Array(piece))
                    bytes = bytes.dropFirst(piece.count)
                }
                let target = written + Int.random(in: 1...count, using: &random)
                written += count
                while read < target {
                    try #require(try subscriber.nextEvent().data == "\(read)", "after \(rotation) rotations")
                    read += 1
                }
                switch Int.random(in: 0..<3, using: &random) {
                case 0:
                    log.move(to: "a.log.\(rotation)")
                    if Bool.random(using: &random) {
                        log.write("\(written)\n")
                        written += 1
                    }
                    log.create()
                case 1:
                    log.delete()
                    log.create()
                default:
                    log.create(".new")
                    log.move(".new", to: "a.log")
                }
            }
            log.write("\(written)\n")
            while read <= written {
                try #require(try subscriber.nextEvent().data == "\(read)")
                read += 1
            }
        }
    }
}
