import CSluice
import ForeignFunction
import ProducerInterface

/// What a plugin declares, checked, and, as far as it is data, copied out of its memory.
struct Manifest {
    let name: String
    let version: String
    let summary: String
    /// The version of the interface that it was built against: "1.0".
    let interfaceVersion: String
    let producers: [ProducerManifest]
    let shutdown: (@convention(c) () -> Void)?

    static let producersMax = 256

    /// - Parameter plugin: what `sluice_plugin_entry` returned.
    init(reading plugin: UnsafePointer<sluice_plugin>) throws(Defect) {
        let raw = UnsafeRawPointer(plugin)
        try SizedStruct.checkAlignment(of: raw, "the sluice_plugin")
        // Not even the size can be trusted before magic and version are right.
        let magic = raw.load(as: UInt32.self)
        guard magic == Manifest.magic else {
            throw Defect(
                "its sluice_plugin begins with \(hexadecimal(magic)), instead of SLUICE_MAGIC (\(hexadecimal(Manifest.magic)))",
                remedy: "build it with this host's sluice.h")
        }
        let major = raw.load(fromByteOffset: 4, as: UInt32.self)
        let minor = raw.load(fromByteOffset: 8, as: UInt32.self)
        try Self.checkVersion(major: major, minor: minor)
        interfaceVersion = "\(major).\(minor)"
        let declared = try SizedStruct.copy(
            raw, into: sluice_plugin(), sizeOffset: MemoryLayout<sluice_plugin>.offset(of: \.struct_size)!,
            upTo: MemoryLayout<sluice_plugin>.offset(of: \.shutdown)!, "the sluice_plugin")

        name = try PluginText.declaredName(declared.name, "its name")
        version = try PluginText.declared(declared.version, "its version", bytesMax: 64) ?? ""
        summary = try PluginText.declared(declared.description, "its description", bytesMax: 1024) ?? ""
        shutdown = declared.shutdown
        producers = try Self.producers(of: declared, plugin: name)
    }

    /// All of it as text, to compare two declarations; no text in it contains a newline.
    var declaration: String {
        let producers = producers.map { producer in
            let description = producer.description
            let flags = [
                description.isNonblocking, description.isShared, description.isResumable, description.acceptsBody,
                description.hasNext,
            ]
            return [
                description.name, description.route, description.summary, description.parameters,
                flags.map { $0 ? "1" : "0" }.joined(),
            ].joined(separator: "\n")
        }
        return ([name, version, summary, interfaceVersion] + producers).joined(separator: "\n")
    }

    /// The ABI's macros, which Swift does not import with their casts.
    static let magic: UInt32 = 0x4955_4C53
    static let major = UInt32(SLUICE_ABI_MAJOR)
    static let minor = UInt32(SLUICE_ABI_MINOR)

    private static func checkVersion(major: UInt32, minor: UInt32) throws(Defect) {
        guard major == Self.major, minor <= Self.minor else {
            throw Defect(
                "it is built for version \(major).\(minor) of the interface, but this host supports \(Self.major).\(Self.minor)",
                remedy: major > Self.major || (major == Self.major && minor > Self.minor)
                    ? "update the host, or build the plugin with this host's sluice.h"
                    : "build it with this host's sluice.h")
        }
    }

    private static func producers(of plugin: sluice_plugin, plugin name: String) throws(Defect) -> [ProducerManifest] {
        guard let pointers = plugin.producers, plugin.producer_count > 0 else {
            throw Defect("it declares no producers", remedy: "list at least one in sluice_plugin.producers")
        }
        guard plugin.producer_count <= producersMax else {
            throw Defect(
                "it declares \(UInt(bitPattern: plugin.producer_count)) producers; the maximum is \(producersMax)",
                remedy: "check producer_count")
        }
        try SizedStruct.checkAlignment(of: UnsafeRawPointer(pointers), "sluice_plugin.producers")
        var producers: [ProducerManifest] = []
        for index in 0..<plugin.producer_count {
            guard let pointer = pointers[index] else {
                throw Defect("entry \(index) of its producers is NULL", remedy: "check producer_count")
            }
            let producer = try ProducerManifest(reading: pointer, index: index, plugin: name)
            try producer.checkUnique(among: producers)
            producers.append(producer)
        }
        return producers
    }
}

/// A struct in plugin memory that contains its own size.
enum SizedStruct {
    /// Copies what the struct's size covers over a zeroed struct of the host, so that members which the plugin's older
    /// header does not have stay zero, and nothing after a plugin's struct is ever read.
    /// - Parameters:
    ///   - sizeOffset: the offset of its `uint32_t struct_size`.
    ///   - required: how many bytes it must cover at least.
    static func copy<Struct: BitwiseCopyable>(
        _ source: UnsafeRawPointer, into zeroed: Struct, sizeOffset: Int, upTo required: Int, _ what: String
    ) throws(Defect) -> Struct {
        let size = Int(source.load(fromByteOffset: sizeOffset, as: UInt32.self))
        guard size >= required else {
            throw Defect(
                "\(what) has a struct_size of \(size), but at least \(required) is needed",
                remedy: "set struct_size to the sizeof of the struct")
        }
        return overlay(source, bytes: size, on: zeroed)
    }

    /// Every member after the sizes is aligned to 8 bytes, so a size rounded down to a multiple of 8 covers only whole
    /// members.
    static func overlay<Struct: BitwiseCopyable>(
        _ source: UnsafeRawPointer, bytes: Int, on base: Struct
    ) -> Struct {
        var result = base
        withUnsafeMutableBytes(of: &result) { target in
            let count = min(bytes, target.count) & ~7
            target.copyMemory(from: UnsafeRawBufferPointer(start: source, count: count))
        }
        return result
    }

    static func checkAlignment(of pointer: UnsafeRawPointer, _ what: String) throws(Defect) {
        guard UInt(bitPattern: pointer) % 8 == 0 else {
            throw Defect("\(what) is not aligned", remedy: "declare it as a variable of its type")
        }
    }
}

private func hexadecimal(_ number: UInt32) -> String {
    "0x" + String(number, radix: 16)
}
