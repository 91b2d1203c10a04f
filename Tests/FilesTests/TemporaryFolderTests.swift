import Glibc
import Synchronization
import TestSupport
import Testing

@testable import Files

@Suite("Folders that exist as long as their owner")
struct TemporaryFolderTests {
    private let place = TemporaryDirectory()

    private func make() throws -> TemporaryFolder { try TemporaryFolder.make(in: place.path).get() }

    private func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    @Test("a folder is abandoned once its owner is gone, and belongs to the process that finds it")
    func leftBehind() throws {
        var folder: TemporaryFolder? = try make()
        let path = try #require(folder).path
        #expect(TemporaryFolder.leftBehind(in: place.path).isEmpty)
        folder = nil
        #expect(exists(path), "an owner that was killed removes nothing")
        let found = TemporaryFolder.leftBehind(in: place.path)
        #expect(found.map(\.path) == [path])
        #expect(TemporaryFolder.leftBehind(in: place.path).isEmpty)
        found.first?.remove()
        #expect(!exists(path))
    }

    @Test("other files are never removed, whatever they look like")
    func others() throws {
        func folder(_ name: String, mode: mode_t = 0o700) -> String {
            let path = "\(place.path)/\(name)"
            mkdir(path, 0o700)
            chmod(path, mode)
            return path
        }
        func mark(_ folder: String, _ text: String = "", mode: mode_t = 0o600) {
            let path = "\(folder)/\(TemporaryFolder.mark)"
            let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode)
            _ = write(descriptor, text, text.utf8.count)
            close(descriptor)
            chmod(path, mode)
        }
        _ = folder("sluice-nomark")
        mark(folder("another-abcdef"))
        mark(folder("sluice-abcdefg"))
        mark(folder("sluice-opened", mode: 0o755))
        mark(folder("sluice-filled"), "not empty")
        mark(folder("sluice-looser"), mode: 0o644)
        let linked = folder("elsewhere")
        mark(linked)
        symlink(linked, "\(place.path)/sluice-linked")
        symlink("\(linked)/\(TemporaryFolder.mark)", "\(folder("sluice-marked"))/\(TemporaryFolder.mark)")
        #expect(TemporaryFolder.leftBehind(in: place.path).map(\.path) == [])
        // As a control: this one is abandoned.
        mark(folder("sluice-itself"))
        #expect(TemporaryFolder.leftBehind(in: place.path).map(\.path) == ["\(place.path)/sluice-itself"])
    }

    /// While a folder is being created, it has no owner yet.
    @Test("cleaning up at any moment never takes a folder that is being created")
    func race() throws {
        let isOver = Atomic(false)
        let lost = Atomic(0)
        let cleared = Atomic(0)
        withThreads(4) { number in
            guard number > 0 else {
                while !isOver.load(ordering: .relaxed) {
                    for folder in TemporaryFolder.leftBehind(in: place.path) {
                        cleared.add(1, ordering: .relaxed)
                        folder.remove()
                    }
                }
                return
            }
            for _ in 0..<300 {
                guard let folder = try? make(), exists("\(folder.path)/\(TemporaryFolder.mark)") else {
                    lost.add(1, ordering: .relaxed)
                    continue
                }
                folder.remove()
            }
            if number == 1 { isOver.store(true, ordering: .relaxed) }
        }
        #expect(lost.load(ordering: .relaxed) == 0, "\(cleared.load(ordering: .relaxed)) were cleared")
    }

    /// Runs the body on `count` threads, and waits for all of them.
    private func withThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
        let threads = (0..<count).map { number in
            var thread = pthread_t()
            let box = Unmanaged.passRetained(Body { body(number) })
            pthread_create(
                &thread, nil,
                { context in
                    Unmanaged<Body>.fromOpaque(context!).takeRetainedValue().run()
                    return nil
                }, box.toOpaque())
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
}
