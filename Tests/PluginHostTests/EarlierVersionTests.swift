import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

/// The interface of version 1.0, which plugins are built with: `Tests/Fixtures/sluice-1.0/sluice.h`.
@Suite("An earlier version of the interface")
struct EarlierVersionTests {
    private let earlier = earlierHeaders("1.0")

    @Test("a plugin that was built with it loads and streams")
    func plugin() throws {
        let plugin = try loadFixture("Plain", headers: earlier)
        #expect(plugin.interfaceVersion == "1.0")
        #expect(try loadFixture("Plain").interfaceVersion == hostInterface)
        let stream = HandDrivenStream(try #require(plugin.producers.first))
        #expect(try stream.open().text == "opened ")
        guard case .ended = stream.pull() else { return #expect(Bool(false), "the stream does not end") }
        #expect(stream.text() == "data: 1\n\ndata: 2\n\ndata: 3\n\n")
        #expect(stream.close(.completed))
    }

    @Test("its structs are the beginnings of today's: the same members, of the same types")
    func members() throws {
        let (old, new) = try (DeclaredStructs(in: earlier), DeclaredStructs(in: currentHeaders))
        #expect(old.members.keys.sorted() == ["sluice_event", "sluice_host", "sluice_plugin", "sluice_producer"])
        for (name, members) in old.members {
            #expect(members.count > 5, "\(name)")
            #expect(Array(new.members[name, default: []].prefix(members.count)) == members, "\(name)")
        }
        let added = try #require(new.members["sluice_host"]).dropFirst(old.members["sluice_host"]!.count)
        #expect(added.map(\.name) == ["identity", "claim"])
    }

    @Test("its members are where they were")
    func offsets() throws {
        let source = try DeclaredStructs(in: earlier).printingOffsets
        let folder = TemporaryDirectory()
        let file = folder.write(source.utf8, to: "offsets.c")
        let outputs = try [earlier, currentHeaders].map { headers in
            let program = "\(folder.path)/offsets"
            let compiler = try ChildProgram.run(["cc", "-std=c11", "-I\(headers)", "-o", program, file])
            try #require(compiler.status == 0, "\(compiler.output)")
            return try ChildProgram.run([program]).output
        }
        #expect(outputs[0].contains("sluice_host.producer 216 8\n"))
        #expect(outputs[0] == outputs[1])
    }

    @Test("its constants have the same values")
    func constants() throws {
        let (old, new) = try (headerConstants("SLUICE_", in: earlier), headerConstants("SLUICE_"))
        #expect(old.count > 30)
        for (name, value) in old { #expect(new[name] == value, "\(name)") }
    }
}

/// The structs of a `sluice.h`, as it spells them.
private struct DeclaredStructs {
    struct Member: Equatable {
        let name: String
        let declaration: String
    }

    /// Those of each struct, in order.
    let members: [String: [Member]]

    /// - Parameter headers: the header's folder.
    init(in headers: String) throws {
        let text = String(decoding: try #require(readFile("\(headers)/sluice.h")), as: UTF8.self)
        var members: [String: [Member]] = [:]
        for declared in text.replacing(/(?s)\/\*.*?\*\//, with: "").matches(
            of: /(?s)typedef struct (\w+) \{(.*?)\} \w+;/)
        {
            members[String(declared.output.1)] = try declared.output.2.split(separator: ";").compactMap { text in
                let words = text.split(whereSeparator: \.isWhitespace)
                return words.isEmpty ? nil : try Self.member(words.joined(separator: " "))
            }
        }
        self.members = members
    }

    /// A pointer to a function has its name in the first parentheses; anything else, at its end.
    private static func member(_ declaration: String) throws -> Member {
        let name = declaration.firstMatch(of: /\(\*(\w+)\)/) ?? declaration.firstMatch(of: /(\w+)$/)
        return Member(name: String(try #require(name).output.1), declaration: declaration)
    }

    /// A program in C that prints the offset and the size of each member.
    var printingOffsets: String {
        let lines = members.sorted { $0.key < $1.key }.flatMap { type, members in
            members.map { member in
                """
                printf("\(type).\(member.name) %zu %zu\\n", offsetof(\(type), \(member.name)), \
                sizeof ((\(type) *)0)->\(member.name));
                """
            }
        }
        return "#include <sluice.h>\n#include <stdio.h>\nint main(void)\n{\n\(lines.joined(separator: "\n"))\n}\n"
    }
}
