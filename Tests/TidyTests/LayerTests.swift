import Foundation
import Testing

/// Which targets may import which: `Package.swift` has the linked dependencies, this has the intended ones.
@Suite("The layers")
struct LayerTests {
    /// Each target in `Sources`, with the project's targets that it may import. `CSluice` is the folder `include`.
    private static let layers: [String: Set<String>] = [
        // C
        "CCalls": [],
        "CDeath": ["CCalls"],
        "CFFI": [],
        "CLinux": [],
        "CSQLite": [],
        "CStart": [],
        "Launcher": [],
        // Independent of streams
        "CommandOutput": [],
        "Files": ["CLinux", "CommandOutput", "SystemCalls"],
        "ForeignFunction": ["CFFI", "SystemCalls"],
        "Locks": ["CLinux", "SystemCalls"],
        "Processes": ["CLinux", "CommandOutput", "SystemCalls"],
        "Settings": ["SystemCalls"],
        "SystemCalls": [],
        // Streams
        "EventStream": [],
        "ProducerInterface": ["EventStream"],
        "StreamLoop": ["CDeath", "CLinux", "Locks", "SystemCalls"],
        "StreamRuntime": [
            "CCalls", "CLinux", "EventStream", "Locks", "ProducerInterface", "StreamLoop", "SystemCalls",
        ],
        "FrontDoor": [
            "CLinux", "EventStream", "Files", "Identity", "ProducerInterface", "StreamRuntime", "SystemCalls",
        ],
        "Identity": ["EventStream", "ProducerInterface"],
        // Plugins
        "Sluice": ["CSluice"],
        "PluginHost": [
            "CCalls", "CDeath", "CLinux", "CSluice", "EventStream", "Files", "ForeignFunction", "Locks", "Processes",
            "ProducerInterface", "SystemCalls",
        ],
        "PluginDirectory": [
            "EventStream", "Files", "Locks", "PluginHost", "Processes", "ProducerInterface", "StreamLoop",
            "StreamRuntime", "SystemCalls",
        ],
        // Implementations of the commands
        "Authoring": [
            "CLinux", "CommandOutput", "EventStream", "Files", "Locks", "Processes", "StreamLoop", "SystemCalls",
        ],
        "Checking": [
            "CLinux", "CommandOutput", "EventStream", "Files", "ForeignFunction", "Locks", "PluginHost", "Processes",
            "ProducerInterface", "StreamLoop", "StreamRuntime", "SystemCalls",
        ],
        "Control": [
            "CLinux", "CommandOutput", "EventStream", "Files", "Locks", "ProducerInterface", "StreamLoop",
            "StreamRuntime", "SystemCalls",
        ],
        // The commands, and the wiring of everything
        "SluiceCommand": [
            "Authoring", "CCalls", "CDeath", "CLinux", "CStart", "Checking", "CommandOutput", "Control", "EventStream",
            "Files", "ForeignFunction", "FrontDoor", "Identity", "Locks", "PluginDirectory", "PluginHost", "Processes",
            "ProducerInterface", "Settings", "StreamLoop", "StreamRuntime", "SystemCalls",
        ],
    ]

    /// External libraries that only some targets may import. None may import Foundation: its ICU alone is 40 MB.
    private static let libraries: [(prefix: String, targets: Set<String>)] = [
        ("NIO", ["FrontDoor"]), ("FoundationEssentials", ["CommandOutput", "Identity", "Sluice"]),
        ("Yams", ["Settings"]),
        ("ArgumentParser", ["SluiceCommand"]), ("JWTKit", ["Identity"]), ("Crypto", ["Identity"]),
        ("Dispatch", ["Sluice"]),
    ]

    @Test("every folder in Sources is in the table")
    func complete() throws {
        #expect(try Set(Repository.names(in: "Sources")).subtracting(["README.md"]) == Set(Self.layers.keys))
    }

    @Test("the map names each of them, and is short")
    func map() throws {
        let map = try Repository.file("Sources/README.md")
        #expect(map.lines.count <= 151)
        for target in Self.layers.keys { #expect(map.text.contains(try Regex("\\b\(target)\\b")), "\(target)") }
        let package = try Repository.file("Package.swift").text
        for target in Self.layers.keys { #expect(package.contains("\"\(target)\""), "\(target)") }
    }

    @Test("everything that the map refers to exists")
    func places() throws {
        let types = try Repository.file("Sources/README.md").text.matches(of: /`([A-Z]\w+)(?:\.[a-z]\w*)?`/).map(
            \.output.1)
        #expect(types.count > 30)
        let text = try Repository.files(in: "Sources", ".swift").map(\.text).joined()
        for type in Set(types).subtracting(["Package"]).subtracting(Self.layers.keys.map { $0[...] }) {
            let isTest = type.hasSuffix("Tests") || type.hasSuffix("Stage")
            let declaration = try Regex("\\b(class|struct|enum|protocol) \(type)\\b")
            #expect(isTest || text.contains(declaration), "\(type)")
        }
        // Every file by its path, so that none can be renamed unnoticed.
        let paths = try Repository.file("Sources/README.md").text.matches(of: /`([\w\/+.]+\.(?:swift|h|md))`/)
        #expect(paths.count > 30)
        for path in paths.map(\.output.1) {
            #expect(Repository.exists("Sources/\(path)") || Repository.exists("\(path)"), "\(path)")
        }
    }

    /// What imports `Identity` sees Foundation's headers besides the system's. Both have the struct, and which of the
    /// two the compiler takes differs from build to build; without an import of that module, it is an error.
    @Test("no file uses struct stat that may also see Foundation's")
    func foreignHeaders() throws {
        let above = Self.layers.filter { $0.value.contains("Identity") }.map(\.key)
        #expect(above.contains("FrontDoor") && above.contains("SluiceCommand"))
        let tests = (above + ["Identity", "EndToEnd", "Lifecycle"]).map { "Tests/\($0)Tests" }
        for folder in above.map({ "Sources/\($0)" }) + tests {
            for file in try Repository.files(in: folder, ".swift") {
                #expect(!file.text.contains(/\bstat\(\)/), "\(file.path)")
            }
        }
    }

    @Test("there are no cycles between targets")
    func acyclic() {
        var rest = Self.layers
        while let (target, _) = rest.first(where: { $0.value.allSatisfy { rest[$0] == nil } }) { rest[target] = nil }
        #expect(rest.isEmpty, "\(rest.keys.sorted())")
    }

    @Test("a target imports only the ones below it", arguments: layers.keys.sorted())
    func imports(target: String) throws {
        let below = try #require(Self.layers[target])
        let own = Set(Self.layers.keys).union(["CSluice"])
        for file in try Repository.files(in: "Sources/\(target)", ".swift") {
            let imports = file.lines.filter { $0.utf8.first != UInt8(ascii: " ") }.compactMap {
                $0.firstMatch(of: /^(?:@\w+ )?(?:\w+ )?import (?:\w+ )?(\w+)/)?.output.1
            }
            for name in imports.map(String.init) {
                #expect(!own.contains(name) || below.contains(name), "\(file.path) imports \(name)")
                for library in Self.libraries where name.hasPrefix(library.prefix) {
                    #expect(library.targets.contains(target), "\(file.path) imports \(name)")
                }
                #expect(name != "Foundation", "\(file.path): the server does without")
            }
        }
    }

    @Test("code in C includes only the headers of the targets below it")
    func includes() throws {
        let headers = try Repository.files(in: "Sources", ".h").filter { $0.path.contains("/include/") }
        let owners = Dictionary(headers.map { ($0.name, target(of: $0)) }) { first, _ in first }
        #expect(owners["CCalls.h"] == "CCalls")
        for file in try Repository.files(in: "Sources", ".c", ".h") {
            let target = target(of: file)
            for line in file.lines where line.hasPrefix("#") {
                guard let name = line.firstMatch(of: /^# *include ["<]([^">]+)[">]/)?.output.1,
                    let owner = owners[String(name)]
                else { continue }
                let isAllowed = owner == target || Self.layers[target]?.contains(owner) == true
                #expect(isAllowed, "\(file.path) includes \(name)")
            }
        }
    }

    private func target(of file: Repository.File) -> String {
        file.path.split(separator: "/").dropFirst().first.map(String.init) ?? ""
    }
}
