import TestSupport
import Testing

@testable import SluiceCommand

@Suite("The processor time that control groups allow")
struct ProcessorQuotaTests {
    private let directory = TemporaryDirectory()

    private func cores(_ files: [String: String], group: String) -> Int? {
        for (path, text) in files {
            let folder = path.split(separator: "/").dropLast().joined(separator: "/")
            _ = try? ChildProgram.run(["mkdir", "-p", "\(directory.path)/\(folder)"])
            directory.write(text.utf8, to: path)
        }
        directory.write(group.utf8, to: "own")
        return ProcessorQuota(root: "\(directory.path)/root", ownGroup: "\(directory.path)/own").cores
    }

    @Test("is in whole cores, rounded up, of the group or of one around it")
    func versionTwo() {
        #expect(cores(["root/cpu.max": "150000 100000\n"], group: "0::/\n") == 2)
        #expect(cores(["root/cpu.max": "max 100000\n"], group: "0::/\n") == nil)
        let nested = ["root/a/cpu.max": "100000 100000\n", "root/a/b/cpu.max": "max 100000\n"]
        #expect(cores(nested, group: "1:name=x:/y\n0::/a/b\n") == 1)
        #expect(cores(["root/a/b/cpu.max": "50000 100000\n"], group: "0::/a/b\n") == 1)
    }

    @Test("is also that of version 1, and none if nothing can be read")
    func others() {
        #expect(cores([:], group: "") == nil)
        let old = ["root/cpu/cpu.cfs_quota_us": "250000\n", "root/cpu/cpu.cfs_period_us": "100000\n"]
        #expect(cores(old, group: "4:cpu,cpuacct:/\n") == 3)
        #expect(cores(["root/cpu/cpu.cfs_quota_us": "-1\n"], group: "") == nil)
        #expect(
            cores(["root/cpu.max": "x y\n"], group: "0::/\n") == nil
                && cores(["root/cpu.max": "0 0\n"], group: "0::/\n") == nil)
    }
}
