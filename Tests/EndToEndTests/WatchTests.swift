import Glibc
import TestSupport
import Testing

@Suite("serve --watch", .onTestThreads)
struct WatchTests {
    /// The generation that a new stream gets.
    private func generation(_ server: SluiceServer) throws -> String? {
        let subscriber = try server.subscribe("/tells-its-generation")
        defer { subscriber.client.reset() }
        return try subscriber.nextEvent().data
    }

    /// Whether the line ends a reload that loaded something.
    private func hasTakenUp(_ line: LogLine) -> Bool {
        line.message == "reloaded" && (line["loaded"] == "1" || line["replaced"] == "1")
    }

    @Test("loads a file that is replaced, copied slowly, or new, without a signal")
    func files() throws {
        try withServer(["TellsItsGeneration"], flags: ["--watch"]) { server in
            let old = try server.subscribe("/tells-its-generation?tag=old")
            let first = try old.nextEvent().data
            var start = server.logLines.count
            try server.install("TellsItsGeneration", appending: [0])
            try server.waitForLog("the replacement", from: start, within: .seconds(30)) { hasTakenUp($0) }
            let second = try generation(server)
            #expect(second != first)
            start = server.logLines.count
            try server.install("EndsAfterCount")
            try server.waitForLog("the new file", from: start, within: .seconds(30)) { hasTakenUp($0) }
            #expect(try server.subscribe("/ends-after-count?count=1").rest().contains { $0.data == "1" })

            // In place and in pieces, like a slow copy. Whether it is checked meanwhile depends on the timing.
            let bytes = try #require(readFile(fixturePlugin("TellsItsGeneration"))) + [1, 2]
            start = server.logLines.count
            let descriptor = open("\(server.pluginDirectory)/TellsItsGeneration.so", O_WRONLY | O_TRUNC | O_CLOEXEC)
            for piece in 0..<8 {
                let part = bytes[(bytes.count * piece / 8)..<(bytes.count * (piece + 1) / 8)]
                #expect(part.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) } == part.count)
                usleep(30_000)
            }
            close(descriptor)
            try server.waitForLog("the whole of it", from: start, within: .seconds(30)) {
                $0.message == "plugin loaded" && $0["plugin"] == "tells-its-generation" && $0["generation"] == "3"
            }
            #expect(try old.nextEvent().data == first)
        }
    }

    @Test("follows a directory that is replaced, and one that is missing for a while")
    func directories() throws {
        try withServer(["TellsItsGeneration"], flags: ["--watch"]) { server in
            let first = try generation(server)
            let directory = server.pluginDirectory
            var start = server.logLines.count
            rename(directory, directory + "-old")
            try server.waitForLog("the directory's absence", from: start, within: .seconds(30)) {
                $0.message == "no plugin reloaded" && $0["error"]?.contains(directory) == true
            }
            #expect(try generation(server) == first, "without a directory, what was there keeps serving")
            start = server.logLines.count
            mkdir(directory + "-new", 0o755)
            rename(directory + "-new", directory)
            try server.install("TellsItsGeneration", appending: [9])
            try server.waitForLog("the new directory", from: start, within: .seconds(30)) {
                hasTakenUp($0)
            }
            #expect(try generation(server) != first)
            // The new directory is watched like the old one.
            start = server.logLines.count
            try server.install("TellsItsGeneration", appending: [9, 9])
            try server.waitForLog("a change in the new directory", from: start, within: .seconds(30)) {
                hasTakenUp($0)
            }
        }
    }

    @Test("loads a file that is overwritten with equal size and time, as by cp -p")
    func sameTime() throws {
        try withServer(["TellsItsGeneration"], flags: ["--watch"]) { server in
            let file = "\(server.pluginDirectory)/TellsItsGeneration.so"
            let bytes = try #require(readFile(fixturePlugin("TellsItsGeneration")))
            let old = [timeval(tv_sec: 1000, tv_usec: 0), timeval(tv_sec: 1000, tv_usec: 0)]
            for version in [1, 2] as [UInt8] {
                let before = try generation(server)
                let start = server.logLines.count
                let descriptor = open(file, O_WRONLY | O_CLOEXEC)
                let all = bytes + [version]
                #expect(write(descriptor, all, all.count) == all.count)
                close(descriptor)
                utimes(file, old)
                try server.waitForLog("version \(version)", from: start, within: .seconds(30)) { hasTakenUp($0) }
                #expect(try generation(server) != before)
            }
        }
    }

    @Test("loads a configuration that is created after the start, removed, and created again")
    func configuration() throws {
        let place = TemporaryDirectory()
        try withServer(["TellsItsGeneration"], flags: ["--watch"], prefix: ["env", "-C", place.path]) { server in
            for step in 0..<3 {
                let start = server.logLines.count
                if step == 1 {
                    unlink("\(place.path)/sluice.yaml")
                } else {
                    place.write("max-streams: 77\n".utf8, to: "sluice.yaml")
                }
                try server.waitForLog("step \(step)", from: start, within: .seconds(30)) {
                    $0.matches("settings changed", ["settings": "max-streams"])
                }
            }
        }
    }

    @Test("loads the target of a link that is swapped as in Kubernetes")
    func swapped() throws {
        try withServer(["EndsAfterCount"], flags: ["--watch"]) { server in
            let directory = server.pluginDirectory
            let bytes = try #require(readFile(fixturePlugin("TellsItsGeneration")))
            func swap(to version: String) {
                symlink(version, "\(directory)/..tmp")
                rename("\(directory)/..tmp", "\(directory)/..data")
            }
            for version in [1, 2] as [UInt8] {
                mkdir("\(directory)/..v\(version)", 0o755)
                server.directory.write(bytes + [version], to: "plugins/..v\(version)/x.so", mode: 0o755)
            }
            swap(to: "..v1")
            var start = server.logLines.count
            symlink("..data/x.so", "\(directory)/x.so")
            try server.waitForLog("the link", from: start, within: .seconds(30)) { hasTakenUp($0) }
            for version in ["..v2", "..v1"] {
                let before = try generation(server)
                start = server.logLines.count
                swap(to: version)
                try server.waitForLog("the swap to \(version)", from: start, within: .seconds(30)) { hasTakenUp($0) }
                #expect(try generation(server) != before)
            }
        }
    }

    @Test("a file that is only touched is checked, and not loaded again")
    func touched() throws {
        try withServer(["TellsItsGeneration"], flags: ["--watch"]) { server in
            let first = try generation(server)
            let start = server.logLines.count
            utimes("\(server.pluginDirectory)/TellsItsGeneration.so", nil)
            try server.waitForLog("a look at it", from: start, within: .seconds(30)) {
                $0.matches("reloaded", ["loaded": "0", "replaced": "0", "unchanged": "1"])
            }
            #expect(try generation(server) == first)
        }
    }
}
