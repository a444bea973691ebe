% A complete model for MATLAB and GNU Octave: the places where training sections with the same mean grey value were cut.
% octave --eval "answer('FOLDER_OF_QUERIES', 'ANSWERS.csv')"
function answer(queries, out)
  text = regexp(strtrim(fileread(fullfile(queries, 'queries.csv'))), '\r?\n', 'split');
  names = cellfun(@(line) strtok(line, ','), text(2:end), 'UniformOutput', false);
  labels = read_npy(fullfile(queries, 'train_labels.npy'));              % (sections, 729)
  grey = mean(read_npy(fullfile(queries, 'train_sections.npy')), 2);
  asked = mean(read_npy(fullfile(queries, 'sections.npy')), 2);

  sorted = sort(grey);
  edges = unique(sorted(ceil((1:7) / 8 * numel(sorted))));
  level_of = @(values) sum(bsxfun(@ge, values, edges(:)'), 2) + 1;
  shares = zeros(numel(edges) + 1, size(labels, 2));
  own = level_of(grey);
  for level = 1:size(shares, 1)
    if any(own == level)
      shares(level, :) = mean(labels(own == level, :), 1);
    end
  end
  [sorted_shares, best] = sort(shares, 2, 'descend');                    % boxes are numbered from 0 below
  rows = level_of(asked);
  stream = fopen(out, 'w');
  fprintf(stream, 'query');
  fprintf(stream, ',ranked_%d', 0:9);
  fprintf(stream, ',scores_%d', 0:9);
  fprintf(stream, '\n');
  for number = 1:numel(names)
    fprintf(stream, '%s', names{number});
    fprintf(stream, ',%d', best(rows(number), 1:10) - 1);
    fprintf(stream, ',%.9g', sorted_shares(rows(number), 1:10) + 1e-6 * (10:-1:1));
    fprintf(stream, '\n');
  end
  fclose(stream);
end

function values = read_npy(path)
  % Return the array of a NumPy file in C order, as a matrix with one row per entry of the first axis.
  stream = fopen(path, 'r', 'ieee-le');
  assert(isequal(fread(stream, 6, 'uint8')', [147, double('NUMPY')]));
  version = fread(stream, 2, 'uint8');
  if version(1) == 1
    length_of_header = fread(stream, 1, 'uint16');
  else
    length_of_header = fread(stream, 1, 'uint32');
  end
  header = char(fread(stream, length_of_header, 'uint8')');
  found = regexp(header, '''descr'': ''[<|]([fiu]\d)''', 'tokens', 'once');
  kind = found{1};
  found = regexp(header, '''shape'': \(([^)]*)\)', 'tokens', 'once');
  shape = sscanf(strrep(found{1}, ',', ' '), '%d')';
  kinds = struct('f4', 'single', 'f8', 'double', 'i8', 'int64', 'i4', 'int32', 'u1', 'uint8');
  values = fread(stream, prod(shape), kinds.(kind));
  fclose(stream);
  values = reshape(values, prod(shape(2:end)), shape(1))';
end
