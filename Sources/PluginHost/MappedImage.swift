import CLinux
import Glibc

/// An image in memory, as the dynamic loader knows it; dl_iterate_phdr(3).
struct MappedImage {
    /// As the dynamic loader opened it.
    let path: String
    /// From its lowest address to just after its highest.
    let addresses: Range<UInt>
    /// Of these, from the first executable address to just after the last.
    let code: Range<UInt>
    /// The names of the libraries that it needs.
    let needed: [String]

    static func all() -> [MappedImage] {
        var images: [MappedImage] = []
        withUnsafeMutablePointer(to: &images) { images in
            _ = sluice_visit_images(
                { image, _, images in
                    let images = images!.assumingMemoryBound(to: [MappedImage].self)
                    if let image { images.pointee.append(MappedImage(image.pointee)) }
                    return 0
                }, images)
        }
        return images
    }

    private init(_ image: sluice_mapped_image) {
        path = image.file_name.map { String(cString: $0) } ?? ""
        let segments = UnsafeBufferPointer(start: image.segments, count: Int(image.segment_count))
        let loaded = segments.filter { $0.p_type == 1 }
        func range(of segments: [Elf64_Phdr]) -> Range<UInt> {
            let lowest = segments.map(\.p_vaddr).min() ?? 0
            let highest = segments.map { $0.p_vaddr + $0.p_memsz }.max() ?? 0
            return UInt(image.base) &+ UInt(lowest)..<UInt(image.base) &+ UInt(highest)
        }
        addresses = range(of: loaded)
        code = range(of: loaded.filter { $0.p_flags & 1 != 0 })
        guard let dynamic = segments.first(where: { $0.p_type == 2 }),
            let entries = UnsafePointer<Elf64_Dyn>(bitPattern: Int(image.base) &+ Int(dynamic.p_vaddr))
        else {
            needed = []
            return
        }
        let count = Int(dynamic.p_memsz) / MemoryLayout<Elf64_Dyn>.stride
        let table = UnsafeBufferPointer(start: entries, count: count).prefix { $0.d_tag != 0 }
        guard let texts = table.first(where: { $0.d_tag == NeededLibraries.stringTable })?.d_un.d_ptr else {
            needed = []
            return
        }
        // On most machines, the loader has replaced the offset with an address.
        let start = Int(texts) >= image.base ? Int(texts) : Int(image.base) &+ Int(texts)
        needed = table.filter { $0.d_tag == NeededLibraries.needed }.compactMap { entry in
            UnsafePointer<CChar>(bitPattern: start &+ Int(entry.d_un.d_val)).map { String(cString: $0) }
        }
    }
}
