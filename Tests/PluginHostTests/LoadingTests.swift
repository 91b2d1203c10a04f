import EventStream
import Files
import Glibc
import Logging
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("Loading a plugin")
struct LoadingTests {
    @Test("a correct plugin reports its declarations")
    func plain() throws {
        let path = try fixturePlugin("Plain")
        let plugin = try loadFixture("Plain")
        #expect(plugin.name == "plain")
        #expect(plugin.version == "1.0.0")
        #expect(plugin.summary == "Counts to three")
        #expect(plugin.file == path)
        let producer = try #require(plugin.producers.first)
        #expect(plugin.producers.count == 1)
        #expect(producer.description.plugin == "plain")
        #expect(producer.description.name == "plain")
        #expect(producer.description.route == "/plain")
        #expect(producer.description.isNonblocking && producer.description.hasNext)
        #expect(
            !producer.description.isShared && !producer.description.isResumable && !producer.description.acceptsBody)
    }

    @Test("a plugin of an older, smaller header loads, and nothing beyond its structs is read")
    func olderSmallerStruct() throws {
        let plugin = try loadFixture("OlderSmallerStruct")
        let producer = try #require(plugin.producers.first)
        #expect(producer.functions.interrupt == nil)
        plugin.shutdown()
        let stream = HandDrivenStream(producer)
        #expect(try stream.open().text == "opened ")
        guard case .ended = stream.pull() else { return #expect(Bool(false), "the stream does not end") }
        #expect(stream.close(.completed))
    }

    struct Refused: CustomTestStringConvertible {
        let fixture: String
        let rule: String
        var testDescription: String { fixture }
    }

    @Test(
        "a defect is refused in one line that names it",
        arguments: [
            Refused(fixture: "WrongMagic", rule: "begins with 0x474c5546, instead of SLUICE_MAGIC (0x49554c53)"),
            Refused(fixture: "BuiltWithOtherSwift", rule: "built with Swift 5.9, but this host with Swift 6."),
            Refused(fixture: "WrongMajor", rule: "built for version 2.0 of the interface, but this host supports 1.1"),
            Refused(
                fixture: "NewerMinor",
                rule: "built for version 1.\(Manifest.minor + 1) of the interface, but this host supports "
                    + "1.\(Manifest.minor); update the host"),
            Refused(
                fixture: "StructTooSmall", rule: "its first producer has a struct_size of 0, but at least 64 is needed"),
            Refused(fixture: "EntryMissing", rule: "it exports no symbol sluice_plugin_entry"),
            Refused(fixture: "EntryReturnsNull", rule: "it refuses to be loaded and says: no licence found;"),
            Refused(fixture: "EntryInDependency", rule: "the sluice_plugin_entry that was found is in "),
            Refused(fixture: "UndefinedSymbol", rule: "undefined symbol: a_function_that_nobody_defines"),
            Refused(fixture: "BadSignature", rule: "producer defect: parameters: "),
            Refused(
                fixture: "BadRoute",
                rule: "producer defect: the route \"/ticker-{symbol}\" has the segment \"ticker-{symbol}\""),
            Refused(
                fixture: "PlaceholderWithoutParameter",
                rule: "producer defect: the placeholder {symbol} of its route /ticker/{symbol}"),
            Refused(fixture: "ReservedFlag", rule: "producer defect: sets the reserved flags 0x40000000"),
            Refused(fixture: "SharedWithBody", rule: "a shared stream has no request of its own"),
            Refused(fixture: "NameWithNewline", rule: "the name of its first producer contains a newline"),
            Refused(fixture: "DescriptionIsNotUTF8", rule: "producer defect: its description is not valid UTF-8"),
            Refused(fixture: "PluginNameMissing", rule: "its name is missing"),
            Refused(fixture: "NoOpen", rule: "producer defect: has no open"),
            Refused(fixture: "NoClose", rule: "producer defect: has no close"),
            Refused(fixture: "NoProducers", rule: "it declares no producers"),
            Refused(fixture: "NullProducer", rule: "entry 1 of its producers is NULL"),
            Refused(
                fixture: "DuplicateRoute",
                rule: "its producers first and second have the same route (/x/{a}, /x/{b})"),
            Refused(fixture: "DuplicateName", rule: "two of its producers are named twin"),
        ])
    func refusals(_ refused: Refused) throws {
        let path = try fixturePlugin(refused.fixture)
        let error = #expect(throws: PluginRefusal.self) { try loadFixture(refused.fixture) }
        let line = try #require(error).description
        #expect(line.hasPrefix(path + ": "))
        #expect(line.contains(refused.rule), "\(line)")
        #expect(line.contains("; ") && !line.contains("\n"), "\(line)")
        // The path of the private copy must not appear.
        #expect(!line.contains("/sluice-") || line.contains("sluice-test-"), "\(line)")
    }

    @Test("a missing library is named, and not with the path of the private copy")
    func missingLibrary() throws {
        let path = try fixturePlugin("EntryInDependency", defines: ["WITHOUT_IT"])
        let folder = directoryName(path)
        try #require(unlink("\(folder)/libdependency.so") == 0)
        let error = #expect(throws: PluginRefusal.self) { try PluginLoader(logger: RecordedLog.logger("x")).load(path) }
        let line = try #require(error).description
        #expect(line.contains("libdependency.so: cannot open shared object file"), "\(line)")
        #expect(line.contains("; install that library, or give its directory with -Wl,-rpath"), "\(line)")
    }

    @Test("a library of Swift's runtime that the host does not use is found beside those that it uses")
    func swiftLibraries() throws {
        // Linked with a placeholder of the same name, which is gone when the plugin is loaded.
        let folder = TemporaryDirectory()
        let (stub, plugin) = ("\(folder.path)/libswiftDistributed.so", "\(folder.path)/plugin.so")
        func compile(_ arguments: String...) throws {
            let compiler = try ChildProgram.run(["cc", "-shared", "-fPIC"] + arguments)
            try #require(compiler.status == 0, "\(compiler.output)")
        }
        try compile("-Wl,-soname,libswiftDistributed.so", "-o", stub, "-x", "c", "/dev/null")
        try compile(
            "-I", "\(repositoryRoot)/include", "-o", plugin, "\(repositoryRoot)/Plugins/hello/hello.c",
            "-Wl,--no-as-needed",
            stub)
        try #require(unlink(stub) == 0)
        #expect(try PluginLoader(logger: RecordedLog.logger("x")).load(plugin).name == "hello")
    }

    @Test("messages of the entry are in the log, with the file's name")
    func entryLog() throws {
        let path = try fixturePlugin("EntryReturnsNull")
        _ = #expect(throws: PluginRefusal.self) { try loadFixture("EntryReturnsNull", log: "entryLog") }
        let line = try #require(RecordedLog.lines("test", "entryLog").first { $0.level > .debug })
        #expect(line.text == "no licence found")
        #expect(line.level == .error)
        #expect(line.metadata["file"] == path)
    }

    @Test("the same file loaded twice is two images, each with its own variables")
    func generations() throws {
        let path = try fixturePlugin("CountsItsShutdowns")
        let loader = PluginLoader(logger: RecordedLog.logger("generations"))
        let first = try loader.load(path)
        let second = try loader.load(path)
        #expect(first.contentID == second.contentID)
        #expect(first.contentID == (try loader.read(path).contentID))
        let code = [first, second].map { unsafeBitCast($0.producers[0].functions.close, to: UInt.self) }
        #expect(code[0] != code[1])
    }

    @Test("shutdown runs once, and its messages have the plugin's name")
    func shutdown() throws {
        let plugin = try loadFixture("CountsItsShutdowns", log: "shutdown")
        // At a low level, the loader itself logs how long the probe took.
        #expect(RecordedLog.lines("test", "shutdown").map(\.text) == ["plugin probed"])
        plugin.shutdown()
        plugin.shutdown()
        let lines = RecordedLog.lines("test", "shutdown").filter { $0.level > .debug }
        #expect(lines.map(\.text) == ["shutting down"])
        #expect(lines.first?.metadata["plugin"] == "shuts-down")
    }
}
