import TestSupport
import Testing

@testable import PluginHost

@Suite("The memory of images")
struct MappedImagesTests {
    @Test("is the sum of the mappings of each private copy, and of nothing else")
    func maps() {
        let text = """
            55d0c0000000-55d0c0001000 r--p 00000000 08:01 1                          /usr/bin/sluice
            7f0000000000-7f0000001000 r--p 00000000 08:01 2                          /tmp/sluice-a1B2c3/1-hello.so (deleted)
            7f0000001000-7f0000003000 r-xp 00001000 08:01 2                          /tmp/sluice-a1B2c3/1-hello.so (deleted)
            7f0000004000-7f0000005000 rw-p 00000000 00:00 0
            7f0000006000-7f0000007000 r--p 00000000 08:01 3                          /var/my tmp/sluice-zzzzzz/2-with space.so (deleted)
            7f0000008000-7f0000009000 r--p 00000000 08:01 4                          /tmp/sluice-dev123/loaded/sluice-d4E5f6/1-kept.so
            7f000000a000-7f000000b000 r--p 00000000 08:01 5                          /tmp/other/1-hello.so (deleted)
            nonsense /tmp/sluice-a1B2c3/1-hello.so (deleted)
            7f0000009000-7f0000008000 r--p 00000000 08:01 2                          /tmp/sluice-a1B2c3/1-hello.so (deleted)

            """
        let images = MappedImages(maps: Array(text.utf8))
        #expect(images.count == 3)
        #expect(images.bytes == 5 << 12)
        #expect(images.bytes(of: "/tmp/sluice-dev123/loaded/sluice-d4E5f6/1-kept.so") == 1 << 12)
        #expect(images.bytes(of: "/tmp/sluice-a1B2c3/1-hello.so") == 3 << 12)
        #expect(images.bytes(of: "/var/my tmp/sluice-zzzzzz/2-with space.so") == 1 << 12)
        #expect(images.bytes(of: "/tmp/other/1-hello.so") == 0)
    }

    @Test("includes a plugin that was loaded")
    func loaded() throws {
        let plugin = try loadFixture("Plain")
        let size = MappedImages().bytes(of: plugin.mappedPath)
        #expect(size >= 4096 && size < 1 << 20, "\(size)")
    }
}
