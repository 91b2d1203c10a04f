import FoundationEssentials
import TestSupport
import Testing

@Suite("The plugins that ship", .onTestThreads)
struct ShippedPluginTests {
    private static let swift = ["chat", "clock", "hello-swift", "tokens"] + ["rows"].filter(BuiltProducts.hasPlugin)
    private static let names =
        ["counter", "exec", "hello", "system", "tail", "walk"] + ["mqtt", "sqlite"].filter(BuiltProducts.hasPlugin)
        + swift

    private struct Declaration: Decodable {
        struct Producer: Decodable {
            let name, route: String
            let parameters: [Parameter]
        }
        struct Parameter: Decodable {
            let name, type: String
            let optional: Bool
            let min, max, `default`: String?
        }
        let producers: [Producer]
    }

    private func run(_ arguments: [String]) throws -> String {
        let program = try ChildProgram.run(arguments)
        try #require(program.status == 0, "\(program.output)")
        return program.output
    }

    @Test("export their entry and nothing else", arguments: names)
    func exports(name: String) throws {
        let table = try run(["nm", "-D", "--defined-only", "--extern-only", BuiltProducts.plugin(name)])
        let symbols = table.split(separator: "\n").compactMap { $0.split(separator: " ").last }
        // The linker adds these symbols to every library.
        #expect(Set(symbols).subtracting(["__bss_start", "_edata", "_end"]) == ["sluice_plugin_entry"])
    }

    @Test("are resolved when they are loaded, never unmapped, and contain no path of a toolchain", arguments: names)
    func linking(name: String) throws {
        let section = try run(["readelf", "-dW", BuiltProducts.plugin(name)]).split(separator: "\n")
        let flags = try #require(section.first { $0.contains("FLAGS_1") })
        #expect(flags.contains("NOW") && flags.contains("NODELETE"))
        let paths = section.filter { $0.contains("RUNPATH") || $0.contains("RPATH") }
        #expect(paths.allSatisfy { $0.hasSuffix("[$ORIGIN]") }, "\(paths)")
        if !Self.swift.contains(name) {
            let text = try run(["nm", "-D", "--undefined-only", BuiltProducts.plugin(name)])
            #expect(!text.contains("swift"), "C needs nothing of Swift: \(text)")
        }
    }

    @Test("have a page with their routes and parameters as declared", arguments: names)
    func pages(name: String) throws {
        let json = try run([BuiltProducts.sluice, "inspect", "--json", BuiltProducts.plugin(name)])
        let declaration = try JSONDecoder().decode(Declaration.self, from: Data(json.utf8))
        let producer = try #require(declaration.producers.first)
        #expect(producer.name == name)
        let page = String(decoding: readFile("\(repositoryRoot)/Plugins/\(name)/README.md") ?? [], as: UTF8.self)
        #expect(page.contains("**Route**: `\(producer.route)`\n"))
        for parameter in producer.parameters {
            let type = parameter.type + (parameter.optional ? "?" : "")
            let hasRange = parameter.min != nil || parameter.max != nil
            let range = hasRange ? " in \(parameter.min ?? "")...\(parameter.max ?? "")" : ""
            let quote = parameter.type == "str" ? "\"" : ""
            let value = parameter.default.map { " = \(quote)\($0)\(quote)" } ?? ""
            let declared = "\(parameter.name): \(type)\(range)\(value)"
            #expect(page.contains("`\(declared)`"), "\(declared)")
        }
    }
}
