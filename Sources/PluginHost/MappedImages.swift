import Files
import Glibc

/// How much address space the images of plugins take: for each, its code, its data, and what the loader added,
/// according to /proc/self/maps; proc(5). What a plugin allocates is not included.
///
/// An image is never unmapped, so this is the most that a generation costs for ever: pages that were never touched take
/// no memory.
package struct MappedImages: Sendable {
    private var sizes: [String: Int] = [:]

    /// Reads the map of this process. That takes some milliseconds if there are thousands of images.
    package init() {
        self.init(maps: fileBytes("/proc/self/maps"))
    }

    init(maps: [UInt8]) {
        for line in maps.split(separator: UInt8(ascii: "\n")) {
            // "7f00-7f01 r-xp 00000000 08:01 42    /tmp/sluice-a1b2c3/7-hello.so (deleted)"
            guard let slash = line.firstIndex(of: UInt8(ascii: "/")) else { continue }
            let path = String(decoding: line[slash...], as: UTF8.self)
            guard let image = PrivateCopy.path(inMap: path) else { continue }
            let bounds = line.prefix { $0 != UInt8(ascii: " ") }.split(separator: UInt8(ascii: "-"))
                .compactMap { Int(String(decoding: $0, as: UTF8.self), radix: 16) }
            guard bounds.count == 2, bounds[0] <= bounds[1] else { continue }
            sizes[image, default: 0] += bounds[1] - bounds[0]
        }
    }

    package var count: Int { sizes.count }
    package var bytes: Int { sizes.values.reduce(0, +) }

    /// - Parameter path: `LoadedPlugin.mappedPath`.
    package func bytes(of path: String) -> Int { sizes[path] ?? 0 }
}
