// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// The settings of all Swift targets: Swift 6 mode, upcoming features, and warnings as errors.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// The settings for producers: those that their authors have by default, and warnings as errors.
let authorSettings: [SwiftSetting] = [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)]

/// A plugin exports only its entry, binds all symbols when it is loaded, and is never unmapped. It uses the host's
/// Swift libraries, which are already in memory. Only a release rejects undefined symbols when linking: in other
/// builds, some can be a sanitizer's, which are in the executable.
let pluginLinking: [LinkerSetting] = [
    .unsafeFlags([
        "-no-toolchain-stdlib-rpath", "-Xlinker", "-z", "-Xlinker", "now", "-Xlinker", "-z", "-Xlinker", "nodelete",
    ]),
    .unsafeFlags(["-Xlinker", "-z", "-Xlinker", "defs"], .when(configuration: .release)),
]
/// A Swift plugin would also export symbols of the libraries that are linked into it; this hides them.
let pluginExports: LinkerSetting = .unsafeFlags([
    "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/plugin.map",
])
/// C plugins do not need Swift's start-up code.
let pluginLinkingC = pluginLinking + [.unsafeFlags(["-nostartfiles"])]
let pluginC: [CSetting] = [
    .unsafeFlags(["-std=c11", "-fvisibility=hidden", "-Wall", "-Wextra", "-pedantic", "-Werror"])
]

/// The settings for the C parts of the command.
let commandC: [CSetting] = [.unsafeFlags(["-std=c11", "-Wall", "-Wextra", "-Werror"])]

/// A producer that ships: the folder `Plugins/<name>`, built as `lib<name>.so`. Code that it shares with others is
/// linked into it.
func plugin(
    c name: String, with shared: Target.Dependency..., linking libraries: [String] = []
) -> (Target, Product) {
    (
        .target(
            name: "Plugin-\(name)", dependencies: ["CSluice"] + shared, path: "Plugins/\(name)", exclude: ["README.md"],
            publicHeadersPath: ".", cSettings: pluginC,
            linkerSettings: pluginLinkingC + libraries.map { .linkedLibrary($0) }),
        .library(name: name, type: .dynamic, targets: ["Plugin-\(name)"])
    )
}

/// Whether the system has the library that a producer wraps. If not, the producer is left out with a message.
func has(_ header: String, of package: String, for names: String) -> Bool {
    if FileManager.default.fileExists(atPath: "/usr/include/\(header)") { return true }
    FileHandle.standardError.write(Data("left out of Plugins: \(names); it needs \(package)\n".utf8))
    return false
}

func plugin(
    swift name: String, importing libraries: Target.Dependency..., beside others: String...
) -> (Target, Product) {
    (
        .target(
            name: "Plugin_\(name)", dependencies: libraries, path: "Plugins/\(name)",
            exclude: ["README.md"] + others, swiftSettings: authorSettings,
            linkerSettings: pluginLinking + [pluginExports]),
        .library(name: name, type: .dynamic, targets: ["Plugin_\(name)"])
    )
}

func unitTests(_ target: String, also others: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .testTarget(
        name: target + "Tests", dependencies: [.target(name: target), "TestSupport"] + others, exclude: exclude,
        swiftSettings: settings)
}

var plugins = [
    plugin(c: "hello"), plugin(c: "counter"), plugin(c: "tail", with: "PluginLines"), plugin(c: "system"),
    plugin(c: "exec", with: "PluginLines"), plugin(swift: "clock", importing: "CSluice"),
    plugin(swift: "hello-swift", importing: "Sluice", beside: "index.html"),
    plugin(swift: "tokens", importing: "Sluice"),
    plugin(swift: "chat", importing: "Sluice"), plugin(c: "walk"),
]
if has("sqlite3.h", of: "libsqlite3-dev", for: "sqlite, rows") {
    plugins += [plugin(c: "sqlite", linking: ["sqlite3"]), plugin(swift: "rows", importing: "Sluice", "CSQLite")]
}
if has("mosquitto.h", of: "libmosquitto-dev", for: "mqtt") {
    plugins.append(plugin(c: "mqtt", linking: ["mosquitto"]))
}

/// Targets to leave out of a build, separated by commas, such as those that a sanitizer can't check.
let leftOut = Set((Context.environment["SLUICE_LEAVE_OUT"] ?? "").split(separator: ",").map(String.init))

let package = Package(
    name: "sluice",
    products: [
        .executable(name: "sluice", targets: ["Launcher"]),
        .executable(name: "sluice-server", targets: ["SluiceCommand"]),
        .library(name: "Sluice", targets: ["Sluice"]),
    ] + plugins.map(\.1),
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        // Their certificates are for the tests alone; jwt-kit brings them.
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
    ],
    targets: [
        .target(name: "CSluice", path: "include", publicHeadersPath: "."),
        .systemLibrary(name: "CFFI", pkgConfig: "libffi", providers: [.apt(["libffi-dev"])]),
        .systemLibrary(name: "CLinux"),
        // In a release, a static program in C without any libraries to load; a sanitizer can't be linked statically.
        .executableTarget(
            name: "Launcher", cSettings: commandC,
            linkerSettings: [.unsafeFlags(["-nostartfiles", "-static-executable"], .when(configuration: .release))]),
        .target(name: "CStart", cSettings: commandC),
        .target(name: "CCalls", cSettings: commandC),
        .target(name: "CDeath", dependencies: ["CCalls"], cSettings: commandC),
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .target(name: "PluginLines", path: "Plugins/lines", publicHeadersPath: ".", cSettings: pluginC),
        .target(name: "EventStream", swiftSettings: settings),
        .target(name: "ProducerInterface", dependencies: ["EventStream"], swiftSettings: settings),
        .target(
            name: "Identity",
            dependencies: [
                "EventStream", "ProducerInterface", .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Crypto", package: "swift-crypto"),
            ], swiftSettings: settings),
        .target(name: "Sluice", dependencies: ["CSluice"], swiftSettings: settings),
        .target(name: "SystemCalls", swiftSettings: settings),
        .target(name: "ForeignFunction", dependencies: ["CFFI", "SystemCalls"], swiftSettings: settings),
        .target(
            name: "Settings", dependencies: ["SystemCalls", .product(name: "Yams", package: "Yams")],
            swiftSettings: settings),
        .target(name: "Locks", dependencies: ["CLinux", "SystemCalls"], swiftSettings: settings),
        .target(name: "CommandOutput", swiftSettings: settings),
        .target(name: "Files", dependencies: ["CLinux", "CommandOutput", "SystemCalls"], swiftSettings: settings),
        .target(name: "Processes", dependencies: ["CLinux", "CommandOutput", "SystemCalls"], swiftSettings: settings),
        .target(
            name: "StreamLoop",
            dependencies: [
                "CDeath", "CLinux", "Locks", "SystemCalls", .product(name: "DequeModule", package: "swift-collections"),
            ], swiftSettings: settings),
        .target(
            name: "StreamRuntime",
            dependencies: [
                "CCalls", "EventStream", "Locks", "ProducerInterface", "StreamLoop", "SystemCalls",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "PluginHost",
            dependencies: [
                "CCalls", "CDeath", "EventStream", "Files", "ForeignFunction", "CLinux", "CSluice", "Locks",
                "Processes", "ProducerInterface", "SystemCalls",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "FrontDoor",
            dependencies: [
                "CLinux", "EventStream", "Files", "Identity", "ProducerInterface", "StreamRuntime", "SystemCalls",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ],
            swiftSettings: settings),
        .target(
            name: "PluginDirectory",
            dependencies: [
                "EventStream", "Files", "Locks", "PluginHost", "Processes", "ProducerInterface", "StreamLoop",
                "StreamRuntime", "SystemCalls", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "Authoring",
            dependencies: [
                "CLinux", "CommandOutput", "EventStream", "Files", "Locks", "Processes", "StreamLoop", "SystemCalls",
            ],
            swiftSettings: settings),
        .target(
            name: "Checking",
            dependencies: [
                "CLinux", "CommandOutput", "EventStream", "Files", "ForeignFunction", "Locks", "PluginHost",
                "Processes", "ProducerInterface", "StreamLoop", "StreamRuntime", "SystemCalls",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .target(
            name: "Control",
            dependencies: [
                "CLinux", "CommandOutput", "EventStream", "Files", "Locks", "ProducerInterface", "StreamLoop",
                "StreamRuntime", "SystemCalls", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "SluiceCommand",
            dependencies: [
                "Authoring", "CCalls", "CDeath", "CLinux", "CStart", "Checking", "CommandOutput", "Control",
                "EventStream", "Files", "ForeignFunction", "FrontDoor", "Identity", "Locks", "PluginDirectory",
                "PluginHost", "Processes", "ProducerInterface", "Settings", "StreamLoop", "StreamRuntime",
                "SystemCalls",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings,
            // A plugin's thread may have only 16 KiB of stack, and looking up a function at its first call takes
            // several KiB.
            linkerSettings: [.unsafeFlags(["-Xlinker", "-z", "-Xlinker", "now"])]),
        // A test target, so that it is only built with the tests.
        .testTarget(
            name: "TestSupport", dependencies: ["EventStream", "Processes", "ProducerInterface", "SystemCalls"],
            path: "Tests/TestSupport", swiftSettings: settings),
        unitTests("Sluice", also: ["CSluice"]),
        unitTests("EventStream", exclude: ["Golden"]),
        unitTests("ProducerInterface"),
        unitTests(
            "Identity",
            also: [
                "ProducerInterface", .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "CryptoExtras", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
                .product(name: "X509", package: "swift-certificates"),
            ]),
        unitTests("ForeignFunction", also: ["SystemCalls"]),
        unitTests("CommandOutput"),
        unitTests("Files", also: ["CLinux", "CommandOutput"]),
        unitTests("Processes"),
        unitTests("SystemCalls"),
        unitTests("CCalls"),
        unitTests("Locks", also: ["SystemCalls"]),
        unitTests("Settings"),
        unitTests("StreamLoop", also: ["CLinux"]),
        unitTests(
            "StreamRuntime",
            also: [
                "EventStream", "Locks", "ProducerInterface", "StreamLoop", "SystemCalls",
                .product(name: "Logging", package: "swift-log"),
            ]),
        unitTests(
            "PluginHost",
            also: [
                "EventStream", "Files", "ForeignFunction", "CSluice", "CLinux", "Processes", "ProducerInterface",
                .product(name: "Logging", package: "swift-log"),
            ]),
        unitTests(
            "FrontDoor",
            also: [
                "CLinux", "EventStream", "Files", "Identity", "ProducerInterface", "StreamLoop", "StreamRuntime",
                "SystemCalls",
                .product(name: "NIOEmbedded", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        unitTests(
            "PluginDirectory",
            also: ["Files", "PluginHost", "ProducerInterface", .product(name: "Logging", package: "swift-log")]),
        unitTests("Authoring", also: ["CommandOutput", "EventStream", "Files"]),
        unitTests("Checking", also: ["ProducerInterface"]),
        unitTests(
            "Control",
            also: [
                "CommandOutput", "Files", "ProducerInterface", "SystemCalls",
                .product(name: "Logging", package: "swift-log"),
            ]),
        unitTests(
            "SluiceCommand",
            also: [
                "CommandOutput", "Control", "EventStream", "FrontDoor", "Identity", "Locks", "PluginHost",
                "ProducerInterface", "Settings", "StreamRuntime", "SystemCalls",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .testTarget(name: "TidyTests", swiftSettings: settings),
        .testTarget(
            name: "LifecycleTests",
            dependencies: ["TestSupport", "EventStream", "ProducerInterface", "SluiceCommand", "SystemCalls"],
            swiftSettings: settings),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "TestSupport", "EventStream", "ProducerInterface", "Settings", "SluiceCommand", "SystemCalls",
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "FanOutBenchmark",
            dependencies: [
                "EventStream", "ProducerInterface", "StreamLoop", "StreamRuntime",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Benchmarks/FanOut", swiftSettings: settings),
        .executableTarget(
            name: "EncoderBenchmark", dependencies: ["EventStream"], path: "Tests/Benchmarks/Encoder",
            swiftSettings: settings),
        .executableTarget(
            name: "CallBenchmark",
            dependencies: [
                "EventStream", "ForeignFunction", "PluginHost", "ProducerInterface",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "Tests/Benchmarks/Calls", swiftSettings: settings),
    ].filter { !leftOut.contains($0.name) } + plugins.map(\.0)
)
