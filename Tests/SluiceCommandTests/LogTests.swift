import Foundation
import Locks
import Logging
import Settings
import Synchronization
import Testing

@testable import SluiceCommand

@Suite("The log")
struct LogTests {
    private func line(
        _ message: String, level: Logger.Level = .info, metadata: Logger.Metadata = [:]
    ) -> LogLine {
        // 2026-11-23T03:15:00.007Z
        LogLine(
            time: timespec(tv_sec: 1_795_403_700, tv_nsec: 7_999_999), level: level, message: message,
            metadata: metadata)
    }

    @Test("a line has time, level, message, and the fields in a fixed order")
    func text() {
        let metadata: Logger.Metadata = ["b": "2", "stream": "1f", "a": "1", "plugin": "hello", "producer": "tick"]
        #expect(
            String(decoding: line("stream closed", metadata: metadata).text, as: UTF8.self)
                == "2026-11-23T03:15:00.007Z info  stream closed plugin=hello producer=tick stream=1f a=1 b=2\n")
        #expect(
            String(decoding: line("x", level: .warning).text, as: UTF8.self)
                == "2026-11-23T03:15:00.007Z warning x\n")
    }

    @Test(
        "no logged text can break its line or imitate another field",
        arguments: [
            ("plain", "plain"), ("", "\"\""), ("a b", "\"a b\""), ("a=b", "\"a=b\""), ("a\"b", "\"a\\\"b\""),
            ("a\\b", "\"a\\\\b\""), ("a\r\nb", "\"a\\r\\nb\""), ("\u{1b}[31m", "\"\\u001b[31m\""),
            ("\0", "\"\\u0000\""), ("ü€", "ü€"), ("[::1]:80", "[::1]:80"),
        ])
    func quoting(value: String, written: String) {
        let bytes = line("m", metadata: ["k": .string(value)]).text
        #expect(String(decoding: bytes, as: UTF8.self) == "2026-11-23T03:15:00.007Z info  m k=\(written)\n")
    }

    @Test("a message stays on its line")
    func messages() {
        #expect(
            String(decoding: line("a\nb\u{1b}c \"d\"").text, as: UTF8.self)
                == "2026-11-23T03:15:00.007Z info  a\\nb\\u001bc \"d\"\n")
    }

    @Test("a JSON line is one object from which every text can be read back")
    func json() throws {
        let nasty = "\" \\ \n \r \t \u{1} \u{7f} ü \u{2028} 🙂"
        let bytes = line(nasty, level: .error, metadata: ["plugin": "p", "k\"": .string(nasty)]).json
        #expect(bytes.last == UInt8(ascii: "\n"))
        #expect(bytes.filter { $0 == UInt8(ascii: "\n") }.count == 1)
        let object = try JSONDecoder().decode([String: String].self, from: Data(bytes))
        #expect(
            object == [
                "time": "2026-11-23T03:15:00.007Z", "level": "error", "message": nasty, "plugin": "p", "k\"": nasty,
            ])
    }

    @Test("in JSON, a number is one if it was given as one, whatever a text looks like")
    func numbers() {
        let bytes = line("m", metadata: ["a": .stringConvertible(-7), "b": "7", "c": .stringConvertible("7")]).json
        #expect(String(decoding: bytes, as: UTF8.self).hasSuffix(#""message":"m","a":-7,"b":"7","c":"7"}"# + "\n"))
        let text = line("m", metadata: ["a": .stringConvertible(7)]).text
        #expect(String(decoding: text, as: UTF8.self).hasSuffix(" m a=7\n"))
    }

    @Test("a text that is too long is cut between characters")
    func cutting() throws {
        let long = "a" + String(repeating: "ü", count: LogLine.textBytesMax)
        let object = try JSONDecoder().decode(
            [String: String].self, from: Data(line(long, metadata: ["k": .string(long)]).json))
        let cut = "a" + String(repeating: "ü", count: LogLine.textBytesMax / 2 - 1) + "…"
        #expect(object["message"] == cut)
        #expect(object["k"] == cut)
    }

    @Test("lines are written in order, with the logger's own metadata", .timeLimit(.minutes(1)))
    func order() throws {
        let pipe = Pipe()
        let writer = try LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, format: .text)
        var logger = writer.logger(level: .info)
        logger[metadataKey: "plugin"] = "hello"
        logger.debug("not this")
        for number in 0..<100 { logger.info("line", metadata: ["number": "\(number)"]) }
        logger.error("last", metadata: ["plugin": "other"])
        writer.finish()
        writer.finish()
        logger.info("too late")
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        let lines = text.split(separator: "\n").map { $0.drop { $0 != " " } }
        #expect(lines.dropLast() == (0..<100).map { " info  line plugin=hello number=\($0)" }[...])
        #expect(lines.last == " error last plugin=other")
    }

    @Test(
        "earlier messages come before a line, and none of them is lost at the end",
        .timeLimit(.minutes(1)))
    func earlierLines() throws {
        let pipe = Pipe()
        let waiting = Mutex<[String]>([])
        let own = Mutex<Logger?>(nil)
        // The writer holds this closure, which holds the logger.
        defer { own.withLock { $0 = nil } }
        let writer = try LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, format: .text) {
            // They are written in the same way.
            for line in waiting.withLock({ lines in
                defer { lines = [] }
                return lines
            }) { own.withLock(\.self)?.info("\(line)") }
        }
        let logger = writer.logger(level: .info)
        own.withLock { $0 = logger }
        waiting.withLock { $0 = ["one", "two"] }
        logger.info("three")
        waiting.withLock { $0 = ["last words"] }
        writer.finish()
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        let messages = text.split(separator: "\n").map {
            $0.split(separator: " ", maxSplits: 2).last?.drop { $0 == " " } ?? ""
        }
        #expect(messages == ["one", "two", "three", "last words"])
    }

    @Test("the level can be changed for all loggers except those with their own level", .timeLimit(.minutes(1)))
    func level() throws {
        let pipe = Pipe()
        let writer = try LogWriter(descriptor: pipe.fileHandleForWriting.fileDescriptor, format: .text)
        let logger = writer.logger(level: .info)
        var own = logger
        own.logLevel = .error
        writer.level = .debug
        #expect(logger.logLevel == .debug && own.logLevel == .error)
        logger.debug("one")
        own.warning("not this")
        writer.level = .warning
        logger.info("nor this")
        writer.finish()
        try pipe.fileHandleForWriting.close()
        let text = String(decoding: try #require(try pipe.fileHandleForReading.readToEnd()), as: UTF8.self)
        #expect(text.hasSuffix(" debug one\n") && text.filter(\.isNewline).count == 1)
    }

    @Test("a reader that does not read blocks nothing; dropped lines are counted", .timeLimit(.minutes(1)))
    func dropping() throws {
        let pipe = Pipe()
        let writer = try LogWriter(
            descriptor: pipe.fileHandleForWriting.fileDescriptor, format: .json, capacityBytes: 64 * 1024)
        let logger = writer.logger(level: .trace)
        // More than the pipe (64 KiB) and the queue can hold. The test is that the loop ends.
        for number in 0..<5000 { logger.info("a line of some length, so that the pipe is soon full: \(number)") }

        let reader = Reader(pipe.fileHandleForReading)
        writer.finish()
        try pipe.fileHandleForWriting.close()
        let bytes = try #require(reader.bytes())
        let objects = try bytes.split(separator: UInt8(ascii: "\n")).map {
            try #require(JSONSerialization.jsonObject(with: Data($0)) as? [String: Any])
        }
        let notes = objects.filter { ($0["message"] as? String)?.hasPrefix("log lines dropped") == true }
        let dropped = notes.compactMap { $0["count"] as? Int }.reduce(0, +)
        #expect(dropped > 0)
        #expect(objects.count - notes.count + dropped == 5000)
    }

    /// Reads to the end on its own thread, because both ends of the pipe block.
    private final class Reader: @unchecked Sendable {
        /// Written before `done` is posted, and read afterwards.
        private var content: Data?
        private let done = Semaphore()

        init(_ handle: FileHandle) {
            Thread.detachNewThread {
                self.content = try? handle.readToEnd()
                self.done.post()
            }
        }

        func bytes() -> Data? {
            done.wait()
            return content
        }
    }
}
