mod tar_readers;
